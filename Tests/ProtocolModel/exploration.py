"""What the models have in common: every world that can be reached from a start, and how a claim that broke is told."""
import argparse
import sys
from collections import deque

STATES_MAX = 30_000_000


def explore(start, moves, violated):
    """Breadth first, so that the way to a broken claim is a shortest one. `moves` gives (label, next world), `violated`
    the broken claim. Returns it, the labels on the way there, and the number of worlds."""
    came_from = {start: (None, None)}
    queue = deque([start])
    while queue:
        world = queue.popleft()
        why = violated(world)
        if why:
            path = []
            while world is not None:
                world, label = came_from[world]
                if label:
                    path.append(label)
            return why, path[::-1], len(came_from)
        for label, then in moves(world):
            if then not in came_from:
                came_from[then] = (world, label)
                queue.append(then)
        if len(came_from) > STATES_MAX:
            return "state limit reached", [], len(came_from)
    return None, [], len(came_from)


def report(start, moves, violated):
    """Explores and prints what came of it; exit code 1 with a counterexample."""
    why, path, states = explore(start, moves, violated)
    if why:
        print("violated: %s (%d states)" % (why, states))
        for number, step in enumerate(path, 1):
            print("%3d. %s" % (number, step))
        sys.exit(1)
    print("holds (%d states)" % states)


def parser(description, rules):
    """Of a model's options: --break takes a rule out, as often as it is given."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter,
                                   epilog="rules: " + "; ".join("%s: %s" % rule for rule in rules.items()))
    made.add_argument("--break", dest="broken", action="append", default=[], choices=list(rules))
    return made
