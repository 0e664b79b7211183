"""The people of the tests of access control: an administrator, who makes users and
roles, and whoever they are.

The endpoint of all services (AWS_ENDPOINT_URL), the region and the root user's key
come from the environment; compat/run sets it. Nothing but boto3 is needed.
"""

import json
import os
import time
import unittest

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
ORDER = {"name": "order", "version": "1"}
PACK = {"name": "pack", "version": "1"}
FULL_ACCESS = "arn:aws:iam::aws:policy/SimpleWorkflowFullAccess"

READS = ("Get", "List", "Simulate")


def heard(model, **_):
    """Waits until all have heard of a change, where a server is several (bench/nodes): within a second."""
    if not model.name.startswith(READS):
        time.sleep(1.2)


class Person:
    """Somebody with credentials, and the clients that use them."""

    models = boto3.Session()  # has read the services' models, which takes long

    def __init__(self, session=models, **key):
        self.swf, self.iam, self.sts = (session.client(name, config=Config(retries={"total_max_attempts": 1}), **key) for name in ("swf", "iam", "sts"))
        if "NODES_BINARY" in os.environ:
            self.iam.meta.events.register("after-call.iam", heard)
            for changes in ("TagResource", "UntagResource"):
                self.swf.meta.events.register("after-call.swf." + changes, heard)

    @classmethod
    def temporary(cls, c):
        return cls(aws_access_key_id=c["AccessKeyId"], aws_secret_access_key=c["SecretAccessKey"], aws_session_token=c["SessionToken"])

    @property
    def arn(self):
        return self.sts.get_caller_identity()["Arn"]


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", effect="Allow", **condition):
    statement = {"Effect": effect, "Action": action, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


def deny(action, resource="*", **condition):
    return allow(action, resource, "Deny", **condition)


def domain(name):
    return f"arn:aws:swf:*:{ACCOUNT}:/domain/{name}"


def trust(principal, *actions, **condition):
    statement = {"Effect": "Allow", "Principal": principal, "Action": ["sts:AssumeRole", *actions]}
    return policy({**statement, "Condition": condition} if condition else statement)


def role_arn(name):
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


class Access(unittest.TestCase):
    """What the tests share. It holds none itself."""

    @classmethod
    def setUpClass(cls):
        cls.root = Person()
        cls.number = 0
        for name in ("department1", "department2"):
            cls.open(name)

    @classmethod
    def open(cls, name, **more):
        """Registers a domain with its types."""
        swf = cls.root.swf
        swf.register_domain(name=name, workflowExecutionRetentionPeriodInDays="1", **more)
        for kind in (ORDER, {"name": "workflow1", "version": "version2"}, {"name": "workflow1", "version": "version1"}):
            swf.register_workflow_type(
                domain=name, **kind, defaultTaskList={"name": "orders"}, defaultChildPolicy="TERMINATE",
                defaultExecutionStartToCloseTimeout="600", defaultTaskStartToCloseTimeout="60")
        for kind in (PACK, {"name": "ship", "version": "1"}):
            swf.register_activity_type(
                domain=name, **kind, defaultTaskList={"name": kind["name"] + "ers"}, defaultTaskHeartbeatTimeout="NONE",
                defaultTaskScheduleToStartTimeout="60", defaultTaskScheduleToCloseTimeout="120", defaultTaskStartToCloseTimeout="60")

    def unused(self, stem):
        type(self).number += 1
        return f"{stem}{self.number}"

    def key(self, name):
        return self.root.iam.create_access_key(UserName=name)["AccessKey"]

    def login(self, key):
        return Person(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])

    def person(self, *statements, **more):
        """Makes a user with an inline policy, and logs him in."""
        name = self.unused("user")
        self.root.iam.create_user(UserName=name, **more)
        if statements:
            self.root.iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
        person = self.login(self.key(name))
        person.name = name
        return person

    def refused(self, call, *arguments, code=None, status=None, **parameters):
        """Expects a refusal; without a code: for want of permission."""
        with self.assertRaises(ClientError) as caught:
            call(*arguments, **parameters)
        error = caught.exception.response
        codes = [code] if code else ["OperationNotPermittedFault", "AccessDenied"]
        self.assertIn(error["Error"]["Code"], codes, error["Error"]["Message"])
        json_protocol = call.__self__.meta.service_model.metadata["protocol"] == "json"
        if not status:
            status = 400 if json_protocol else 403
        self.assertEqual(error["ResponseMetadata"]["HTTPStatusCode"], status)
        self.assertTrue(error["ResponseMetadata"]["RequestId"])
        return error["Error"]["Message"]

    def start(self, who, **more):
        parameters = {"domain": "department1", "workflowId": self.unused("w"), "workflowType": ORDER, **more}
        return parameters["workflowId"], who.swf.start_workflow_execution(**parameters)["runId"]

    def no_start(self, who, **more):
        parameters = {"domain": "department1", "workflowId": "never", "workflowType": ORDER, **more}
        return self.refused(who.swf.start_workflow_execution, **parameters)

    def role(self, principal, *statements, actions=(), **condition):
        name = self.unused("role")
        self.root.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal, *actions, **condition), MaxSessionDuration=7200)
        if statements:
            self.root.iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return name
