"""Runs the benchmarks and holds their figures against thresholds.json. See `run`."""
import argparse
import json
import os
import sys

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(REPOSITORY, "Benchmarks"))
import cluster_volumes  # noqa: E402
import heals  # noqa: E402
import micro  # noqa: E402
import mounts  # noqa: E402
import visibility  # noqa: E402

PARTS = ("mounts", "heals", "cluster", "micro", "visibility")


def listed(text):
    return [name for name in text.split(",") if name]


def missed_mounts(ratios, thresholds):
    for job, systems in ratios.items():
        for other, least in thresholds.get(job, {}).items():
            if other in systems and systems[other] < least:
                yield "%s is %.2f of %s; at least %.2f is wanted" % (job, systems[other], other, least)


def missed_figures(figures, thresholds):
    for name, value in figures.items():
        if name in thresholds and value > thresholds[name]:
            yield "%s is %.2f; at most %.2f is wanted" % (name, value, thresholds[name])


def missed_ratios(ratios, thresholds):
    for name, value in ratios.items():
        if value < thresholds.get(name, 0):
            yield "%s is %.2f; at least %.2f is wanted" % (name, value, thresholds[name])


def main():
    parser = argparse.ArgumentParser(prog="Benchmarks/run", description="Ratios against what does the same without us.")
    parser.add_argument("parts", nargs="*", metavar="PART", help="%s; all of them by default" % ", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--milliseconds", type=int, default=1500, help="mounts, cluster: of each job in each round")
    parser.add_argument("--cache-mode", choices=["write-through", "writeback-cache"], default="write-through", help="mounts")
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--only", type=listed, default=[], help="mounts, heals: jobs to run, by comma; cluster: write-through, writeback-cache, heals")
    parser.add_argument("--without", type=listed, default=[], help="mounts: systems to leave out, by comma: C FUSE, GlusterFS")
    parser.add_argument("--check", action="store_true", help="exit code 1 when a figure misses its threshold")
    arguments = parser.parse_args()
    for part in arguments.parts:
        if part not in PARTS:
            parser.error("no part %s; there are %s" % (part, ", ".join(PARTS)))
    rounds, milliseconds = (2, 800) if arguments.quick else (arguments.rounds, arguments.milliseconds)
    with open(os.path.join(REPOSITORY, "Benchmarks", "thresholds.json")) as file:
        thresholds = json.load(file)
    missed = []
    for part in arguments.parts or PARTS:
        if part == "mounts":
            ratios = mounts.run(rounds, milliseconds, arguments.cache_mode, arguments.only, arguments.without)
            missed += missed_mounts(ratios, thresholds[arguments.cache_mode])
        elif part == "heals":
            missed += missed_figures(heals.run(rounds, arguments.only), thresholds["heals"])
        elif part == "cluster":
            missed += missed_ratios(cluster_volumes.run(rounds, milliseconds, arguments.only), thresholds["cluster"])
        elif part == "visibility":
            visibility.run(samples=4 * rounds)
        else:
            missed += missed_figures(micro.run(), thresholds["micro"])
    for line in missed:
        print("missed: " + line)
    if not missed:
        print("every figure that was measured meets its threshold")
    sys.exit(1 if missed and arguments.check else 0)


if __name__ == "__main__":
    main()
