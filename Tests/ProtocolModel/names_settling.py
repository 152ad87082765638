#!/usr/bin/env python3
"""Explicit-state model of how names that a dead client left half changed are finished (docs/internals/heal-protocol.md, 3.6).

Two bricks have two names, t and f. A client makes t, moves it over f and removes f, each change on one brick after the
other, and may die anywhere; over the wire a request of the dead may still land. Another client, which lives, changes the
same names. Two settlers (a mount that starts, a healer) finish what the journal says, and one of them may die too.

It explores every interleaving and checks: when all is quiet the bricks have the same names, or the directory is dirty; and
what the living client did last to f is not undone.

Run it: python3 names_settling.py             must print 'holds'
        python3 names_settling.py --break X   without rule X: must print a counterexample
"""
import argparse
from typing import NamedTuple, Optional

from exploration import report

RULES = {
    "intent": "a change is said before the first brick does it, and until all have",
    "exact": "it is finished only where the gfids are those of before and after",
    "lock": "settlers hold the locks of the change",
    "drain": "nobody settles before the requests of the dead have landed or are lost",
    "keep": "an intent goes when it is settled, not before",
    "forward": "a half change is finished where it was not done, never taken back",
}
MAKE, MOVE, REMOVE = "make", "move", "remove"


class Change(NamedTuple):
    kind: str
    object: int
    replaced: int = 0


class World(NamedTuple):
    bricks: tuple = ((0, 1), (0, 1))      # (t, f) on each: the object there, 0 for none
    fresh: int = 2
    client: str = "idle"                  # idle, busy, dead
    change: Optional[Change] = None
    left: tuple = ()                      # bricks that have not done it
    wire: tuple = ()                      # bricks that may still do it after the client's death
    intent: Optional[Change] = None
    lock: Optional[str] = None
    settlers: tuple = (None, None)        # of each, the bricks it has still to do
    deaths: int = 1                       # settlers that may die
    turns: int = 3                        # changes of the client
    others: int = 2                       # changes of the other client
    last: Optional[int] = None            # what the other client left at f
    dirty: bool = False


def done(kind, made, names):
    """The names after a change on one brick, which knows names only; None where it fails."""
    t, f = names
    if kind == MAKE:
        return (made, f) if t == 0 else None
    if kind == MOVE:
        return (0, t) if t else None
    return (t, 0) if f else None


def put(bricks, position, names):
    return bricks[:position] + (names,) + bricks[position + 1:]


def progress(change, names, rules):
    t, f = names
    if "exact" not in rules:
        return {MAKE: "after" if t else "before", MOVE: "before" if t else "after", REMOVE: "before" if f else "after"}[change.kind]
    if change.kind == MAKE:
        return {0: "before", change.object: "after"}.get(t, "neither")
    if change.kind == MOVE:
        return {(change.object, change.replaced): "before", (0, change.object): "after"}.get(names, "neither")
    return {change.object: "before", 0: "after"}.get(f, "neither")


def steps(w, rules):
    if w.client == "idle" and w.lock is None and w.turns and w.bricks[0] == w.bricks[1] and not w.dirty:
        t, f = w.bricks[0]
        for change in ([Change(MAKE, w.fresh)] if t == 0 else [Change(MOVE, t, f)]) + ([Change(REMOVE, f)] if f else []):
            yield "client: %s begins" % change.kind, w._replace(
                client="busy", change=change, left=(0, 1), lock="client", turns=w.turns - 1,
                fresh=w.fresh + (change.kind == MAKE), last=None, intent=change if "intent" in rules else None)
    if w.client == "busy":
        for brick in w.left:
            names = done(w.change.kind, w.change.object, w.bricks[brick])
            yield "client: brick %d does it" % brick, w._replace(
                bricks=put(w.bricks, brick, names), left=tuple(b for b in w.left if b != brick))
        if not w.left:
            yield "client: acknowledged", w._replace(client="idle", change=None, lock=None, intent=None)
        yield "client dies", w._replace(client="dead", lock=None, wire=w.left, left=())
    for brick in w.wire:
        rest = tuple(b for b in w.wire if b != brick)
        names = done(w.change.kind, w.change.object, w.bricks[brick]) or w.bricks[brick]
        yield "a request of the dead lands on brick %d" % brick, w._replace(bricks=put(w.bricks, brick, names), wire=rest)
        yield "a request of the dead is lost", w._replace(wire=rest)
    if w.others and w.lock is None and not w.wire:
        for kind in (MAKE, MOVE, REMOVE):
            after = [done(kind, w.fresh, names) for names in w.bricks]
            if after == [None, None]:
                continue
            bricks = tuple(names or before for names, before in zip(after, w.bricks))
            yield "other client: %s" % kind, w._replace(
                bricks=bricks, fresh=w.fresh + (kind == MAKE), others=w.others - 1, dirty=w.dirty or None in after,
                last=w.last if kind == MAKE else bricks[0][1] if bricks[0][1] == bricks[1][1] else None)
    yield from settling(w, rules)


def settling(w, rules):
    for number, todo in enumerate(w.settlers):
        name = "settler %d" % number
        with_todo = lambda what: put(w.settlers, number, what)
        if todo is None:
            if w.client != "dead" or w.intent is None or (w.lock and "lock" in rules) or (w.wire and "drain" in rules):
                continue
            found = [progress(w.intent, names, rules) for names in w.bricks]
            unsaid = w.bricks[0] != w.bricks[1] and "neither" in found
            before = tuple(b for b in (0, 1) if found[b] == "before") if not unsaid and len(set(found)) > 1 else ()
            if "forward" not in rules and before:
                before = tuple(b for b in (0, 1) if b not in before)
            yield name + " begins", w._replace(
                settlers=with_todo(before), lock=name if "lock" in rules else w.lock, dirty=w.dirty or unsaid,
                intent=w.intent if "keep" in rules else None)
            continue
        lock = None if w.lock == name else w.lock
        if w.deaths:
            yield name + " dies", w._replace(settlers=with_todo(None), lock=lock, deaths=w.deaths - 1)
        if not todo:
            yield name + " ends", w._replace(settlers=with_todo(None), lock=lock, intent=None)
            continue
        brick, names = todo[0], w.bricks[todo[0]]
        if "forward" in rules:
            names = done(w.change.kind, w.change.object, names) or names
        else:  # what was moved over or removed is gone: only the name can be taken back
            names = {MAKE: (0, names[1]), MOVE: (names[1], 0), REMOVE: names}[w.change.kind]
        yield "%s: brick %d" % (name, brick), w._replace(bricks=put(w.bricks, brick, names), settlers=with_todo(todo[1:]))


def fault(w):
    if w.client == "busy" or w.wire or w.settlers != (None, None) or (w.client == "dead" and w.intent):
        return None
    if w.bricks[0] != w.bricks[1] and not w.dirty:
        return "the bricks differ and nothing says so"
    if w.last is not None and not w.dirty and w.bricks[0][1] != w.last:
        return "what the other client left at f is gone"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--break", dest="broken", choices=RULES, help="take a rule out")
    broken = parser.parse_args().broken
    rules = set(RULES) - {broken}
    report(World(), lambda w: steps(w, rules), fault)


if __name__ == "__main__":
    main()
