"""A Heddle for the tests of a session, in memory, at a port of its own.

Copy the fixture into your conftest.py. HEDDLE names the binary; by default it is "heddle" in the PATH.
"""

import json
import os
import subprocess

import boto3
import pytest


@pytest.fixture(scope="session")
def heddle():
    """The address of a server whose clock jumps when nothing is runnable."""
    command = [os.environ.get("HEDDLE", "heddle"), "serve", "--dev", "--listen", "0", "--time-skip"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            line = server.stdout.readline()  # it comes when the server takes requests
            assert line, "heddle did not start; it has said why above"
            yield json.loads(line)["url"]
        finally:
            server.terminate()


@pytest.fixture
def client(heddle):
    """Makes clients of the server: client("swf"), client("stepfunctions")."""
    any_key = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return lambda service: boto3.client(service, endpoint_url=heddle, **any_key)
