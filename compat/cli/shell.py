"""Calls the AWS CLI as a person at a shell would.

The endpoint, region and keys come from the environment (AWS_ENDPOINT_URL,
AWS_DEFAULT_REGION, ...); compat/run sets them.
"""

import concurrent.futures
import json
import os
import re
import subprocess

os.environ["AWS_PAGER"] = ""


class Walk:
    """Calls commands of one service, and counts which, and what was checked."""

    def __init__(self, service):
        self.service = service
        self.walked = set()
        self.checks = 0

    def knows(self, command):
        """Tells whether this CLI has a command at all."""
        done = subprocess.run(["aws", self.service, command, "help"], capture_output=True, text=True)
        return "Invalid choice" not in done.stderr and "invalid choice" not in done.stderr

    def aws(self, command, *arguments):
        """Runs one command and gives its output, read as JSON, or None for none."""
        done = subprocess.run(["aws", self.service, command, *arguments, "--output", "json"], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"aws {self.service} {command} {' '.join(arguments)}: exit {done.returncode}: {done.stderr.strip()}")
        self.walked.add(command)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, command, *arguments):
        """Runs a command that must fail, and gives the fault's name and message."""
        done = subprocess.run(["aws", self.service, command, *arguments], capture_output=True, text=True)
        found = re.search(r"An error occurred \((\w+)\) when calling the \w+ operation(?: \(.*?\))?: (.*)", done.stderr)
        if done.returncode == 0 or not found:
            raise SystemExit(f"aws {self.service} {command} should have failed with a fault: exit {done.returncode}: {done.stdout}{done.stderr}")
        return found.group(1, 2)

    def equal(self, got, want, what):
        self.checks += 1
        if got != want:
            raise SystemExit(f"{what}: got {got!r}, want {want!r}")

    def ends(self, operations):
        """Expects so many operations to have been called with success."""
        self.equal(len(self.walked), operations, f"operations walked ({sorted(self.walked)})")
        print(f"{len(self.walked)} operations, {self.checks} checks passed")


def together(*calls):
    """Runs calls side by side and gives their results in order: each start of the CLI
    takes a second."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return [f.result() for f in [pool.submit(*c) for c in calls]]
