"""The demo on several hosts, each of them a container: docker/compose.yaml describes them, this drives it.

Exit code 0: both bricks are equal and nothing is pending. Anything else is said in one sentence.
"""
import argparse
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
from demo_hosts import BRICKS, HEALER, WRITER, Hosts, run_demo, say  # noqa: E402
from workload import REPOSITORY  # noqa: E402
from testbed import TestbedError, wait_until  # noqa: E402

COMPOSE = ["docker", "compose", "--file", os.path.join(REPOSITORY, "docker", "compose.yaml")]


class ComposeHosts(Hosts):
    """The services of docker/compose.yaml."""
    settings, mount_point, plain, brick = "/etc/bypass", "/mnt", "/plain", "/brick/vm"

    def __init__(self, build):
        self.up = set()
        if build:
            say("building the images (the first time takes some minutes)")
            compose("build", aloud=True)
        # What an interrupted run may have left.
        self.stop()

    def start_service(self, name):
        compose("up", "--detach", "--no-build", "--no-deps", name)
        self.up.add(name)

    def there(self, name, words):
        """A command in the container of a service, or in one like it where that does not run yet."""
        return [*COMPOSE, *(["exec", "--no-TTY"] if name in self.up else ["run", "--rm", "--no-deps", "--no-TTY"]), name, *words]

    def program(self, name):
        return [name]

    def workload(self, *words):
        return ["python3", "/opt/bypass/scripts/workload.py", *words]

    # The roles.

    def start_glusterd(self):
        for name in BRICKS:
            self.start_service(name)
            self.run(name, "mkdir", "-p", self.brick)

    def start_writer(self):
        self.start_service(WRITER)
        wait_until("the mount", lambda: self.is_mounted(), 60, 0.2)

    def is_mounted(self):
        try:
            return "fuse" in self.run(WRITER, "stat", "--file-system", "--format", "%T", self.mount_point)
        except TestbedError:
            raise TestbedError("the mount ended: %s" % compose("logs", "--no-log-prefix", WRITER).strip()[-2000:])

    def start_healer(self):
        self.start_service(HEALER)

    def container(self, name):
        return compose("ps", "--quiet", name).strip()

    def cut(self, name):
        self.address = json.loads(docker("inspect", self.container(name)))[0]["NetworkSettings"]["Networks"]
        for network in self.address:
            docker("network", "disconnect", "--force", network, self.container(name))

    def join(self, name):
        for network, place in self.address.items():
            docker("network", "connect", "--ip", place["IPAMConfig"]["IPv4Address"], "--alias", name, network, self.container(name))

    def lag(self, replica, probes):
        """By the mark alone: the other brick is not to be seen from the writer's host. The comparison looks at it later."""
        return json.loads(self.run(WRITER, *self.workload("lag", self.mount_point, self.brick, replica, str(probes))))

    def compare(self):
        return json.loads(compose("--profile", "inspect", "run", "--rm", "--no-deps", "--no-TTY", "inspector"))

    def stop(self):
        """Removes containers, networks and volumes of ours; the images stay for the next time."""
        compose("--profile", "inspect", "down", "--volumes", "--remove-orphans", "--timeout", "20")
        self.up = set()


def compose(*words, aloud=False):
    return docker(*COMPOSE[1:], *words, aloud=aloud)


def docker(*words, aloud=False):
    output = {} if aloud else {"capture_output": True, "text": True}
    answer = subprocess.run(["docker", *words], stdin=subprocess.DEVNULL, **output)
    if answer.returncode:
        raise TestbedError("docker %s ended with %d%s" % (" ".join(words), answer.returncode, "" if aloud else ": " + answer.stderr.strip()))
    return answer.stdout


def complaint():
    """One sentence for what this machine lacks, or None."""
    for words, sentence in ((["docker", "compose", "version"], "there is no docker with Compose v2; install it, or see it with make demo-netns"),
                            (["docker", "info"], "no Docker engine answers; start it, or see it with make demo-netns")):
        try:
            if subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True).returncode:
                return sentence
        except FileNotFoundError:
            return sentence
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--probes", type=int, default=200, help="single writes to measure the lag with (default 200)")
    parser.add_argument("--no-build", action="store_true", help="use the images as they are")
    arguments = parser.parse_args()
    sentence = complaint()
    if sentence:
        sys.exit("demo: " + sentence)
    sys.exit(run_demo(lambda: ComposeHosts(not arguments.no_build), arguments.probes))


if __name__ == "__main__":
    main()
