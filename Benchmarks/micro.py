"""The small steps of DESIGN §6, in nanoseconds of processor time each; the program is Benchmarks/Micro."""
import os
import subprocess

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run():
    """Answers {name: nanoseconds}. Builds the program if need be: a network is not there, so nothing is resolved."""
    build = ["swift", "build", "-c", "release", "-j", "2", "--disable-automatic-resolution", "--product", "MicroBenchmark"]
    subprocess.run(build, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    program = os.path.join(REPOSITORY, ".build", "release", "MicroBenchmark")
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    figures = {name: float(value) for name, value in (line.split() for line in output.splitlines())}
    for name, value in figures.items():
        print("%-18s %9.0f ns" % (name, value))
    return figures
