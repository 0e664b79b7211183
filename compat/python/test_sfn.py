"""Drives Step Functions of a running server with unmodified boto3, as AWS documents
it: a state machine and a worker complete an order, every operation is called, and
faults arrive as the exceptions that boto3 makes of the service's model.

The endpoint, region and keys come from the environment (AWS_ENDPOINT_URL,
AWS_DEFAULT_REGION, ...); compat/run sets them. Nothing but boto3 is needed.
"""

import datetime
import json
import pathlib
import threading
import time
import unittest

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from people import allow, policy, trust

ACCOUNT = "123456789012"
NOW = datetime.datetime.now(datetime.timezone.utc)
PASSING = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
WAITING = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}})
FAILING = json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}})
ORDER = pathlib.Path(__file__).parents[2] / "examples" / "order-sfn" / "order.asl.json"

called = set()  # operations that answered with success

# Older versions of boto3 know fewer: versions and aliases came in 2023, redrives and
# tests of states late in that year, validation in 2024.
OPERATIONS = set(boto3.client("stepfunctions").meta.service_model.operation_names)


def needs(operation):
    return unittest.skipUnless(operation in OPERATIONS, f"this boto3 does not know {operation}")


def make_client():
    # StartSyncExecution and TestState go to sync-HOST, which 127.0.0.1 has not.
    client = boto3.client("stepfunctions", config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False))
    client.meta.events.register(
        "after-call.stepfunctions",
        lambda model, parsed, **_: parsed["ResponseMetadata"]["HTTPStatusCode"] == 200 and called.add(model.name),
    )
    return client


class StepFunctions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sfn = make_client()
        cls.prefix = f"arn:aws:states:{cls.sfn.meta.region_name}:{ACCOUNT}"
        cls.role = boto3.client("iam").create_role(
            RoleName="boto3-states", AssumeRolePolicyDocument=trust({"Service": "states.amazonaws.com"}))["Role"]["Arn"]

    def refused(self, code, message, call, **arguments):
        """Expects a fault, as a ClientError and as the client's own exception."""
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        error = caught.exception.response
        self.assertEqual(error["Error"]["Code"], code)
        if message is not None:
            self.assertEqual(error["Error"]["Message"], message)
        self.assertEqual(error["ResponseMetadata"]["HTTPStatusCode"], 400)
        self.assertTrue(error["ResponseMetadata"]["RequestId"])
        self.assertIsInstance(caught.exception, getattr(self.sfn.exceptions, code))

    def machine(self, name, definition=PASSING, **more):
        arn = self.sfn.create_state_machine(name=name, definition=definition, roleArn=self.role, **more)["stateMachineArn"]
        self.assertEqual(arn, f"{self.prefix}:stateMachine:{name}")
        return arn

    def begin(self, machine, name, **more):
        return self.sfn.start_execution(stateMachineArn=machine, name=name, **more)["executionArn"]

    def ends(self, execution, status):
        """Waits until an execution is closed, and expects how."""
        give = time.monotonic() + 30
        while (d := self.sfn.describe_execution(executionArn=execution))["status"] == "RUNNING" and time.monotonic() < give:
            time.sleep(0.02)
        self.assertEqual(d["status"], status, d)
        return d

    def task(self, activity):
        for _ in range(5):
            task = self.sfn.get_activity_task(activityArn=activity, workerName="boto3")
            if task.get("taskToken"):
                return task
        self.fail(f"{activity} gave no task")

    def events(self, execution):
        pages = self.sfn.get_paginator("get_execution_history").paginate(executionArn=execution, PaginationConfig={"PageSize": 3})
        events = [e for page in pages for e in page["events"]]
        self.assertEqual([e["id"] for e in events], list(range(1, len(events) + 1)))
        return events

    # An order: the state machine of the examples, with a worker that knows nothing.

    def test_order(self):
        answers = {
            "VerifyOrder": lambda i: "in stock",
            "ReserveItem": lambda i: {"reserved": i["item"]["name"]},
            "ChargeCreditCard": lambda i: {"receipt": "r" + i["id"]},
            "ShipOrder": lambda i: {"parcel": f"{'+'.join(i['names'])}: {i['grams']} g"},
            "CancelOrder": lambda i: None,
        }
        arns = {name: self.sfn.create_activity(name="order-" + name)["activityArn"] for name in answers}
        definition = ORDER.read_text()
        for name, arn in arns.items():
            definition = definition.replace("${" + name + "}", arn)
        machine = self.machine("order", definition)
        done, failures = threading.Event(), []

        def work(name):
            try:
                sfn = make_client()
                while not done.is_set():
                    task = sfn.get_activity_task(activityArn=arns[name], workerName=name)
                    if not task.get("taskToken"):
                        continue
                    order = json.loads(task["input"])
                    try:
                        sfn.send_task_heartbeat(taskToken=task["taskToken"])
                        if order.get("card") == "bad" and name == "ChargeCreditCard":
                            sfn.send_task_failure(taskToken=task["taskToken"], error="CardDeclined", cause="no")
                        else:
                            sfn.send_task_success(taskToken=task["taskToken"], output=json.dumps(answers[name](order)))
                    except sfn.exceptions.TaskTimedOut:
                        if name != "ReserveItem":  # the other branch may have failed meanwhile, and ended this one
                            raise
            except Exception as e:
                failures.append(e)

        people = [threading.Thread(target=work, args=(name,), daemon=True) for name in answers]
        for p in people:
            p.start()
        order = {"id": "1", "card": "good", "express": False, "holdSeconds": 1, "items": [
            {"name": "Ω", "price": 1.5, "quantity": 2, "grams": 3}, {"name": "lamp", "price": 4, "quantity": 1, "grams": 5}]}
        good = self.begin(machine, "good", input=json.dumps(order))
        bad = self.begin(machine, "bad", input=json.dumps({**order, "card": "bad"}))
        shipped, canceled = self.ends(good, "SUCCEEDED"), self.ends(bad, "FAILED")
        done.set()
        for p in people:
            p.join(30)
        self.assertEqual(failures, [])
        self.assertEqual(json.loads(shipped["output"]), {"id": "1", "parcel": "Ω+lamp: 8 g", "receipt": "r1", "total": 7})
        self.assertEqual((canceled["error"], canceled["cause"]), ("CardDeclined", "no"))
        events = self.events(good)
        entered = {e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e}
        self.assertEqual(entered, {"VerifyOrder", "Prepare", "ReserveItems", "ReserveItem", "ChargeCreditCard", "IsExpress", "Hold", "ShipOrder", "Shipped"})
        self.assertEqual([e["mapIterationStartedEventDetails"]["index"] for e in events if e["type"] == "MapIterationStarted"], [0, 1])
        left, arrived = (next(e["timestamp"] for e in events if e["type"] == "WaitState" + what) for what in ("Entered", "Exited"))
        self.assertGreaterEqual(arrived - left, datetime.timedelta(seconds=1))

    def test_activities(self):
        made = self.sfn.create_activity(name="pack", tags=[{"key": "a", "value": "1"}])
        arn = made["activityArn"]
        self.assertEqual(arn, f"{self.prefix}:activity:pack")
        self.assertLess(abs(made["creationDate"] - NOW), datetime.timedelta(minutes=5))
        again = self.sfn.create_activity(name="pack", tags=[{"key": "b", "value": "2"}])
        self.assertEqual(again["creationDate"], made["creationDate"])
        self.assertEqual(self.sfn.list_tags_for_resource(resourceArn=arn)["tags"], [{"key": "a", "value": "1"}])
        self.refused("InvalidName", "Invalid Name: 'a b'", self.sfn.create_activity, name="a b")
        self.refused("TooManyTags", None, self.sfn.create_activity, name="t", tags=[{"key": str(i), "value": ""} for i in range(51)])
        described = self.sfn.describe_activity(activityArn=arn)
        self.assertEqual((described["name"], described["creationDate"], described["encryptionConfiguration"]),
                         ("pack", made["creationDate"], {"type": "AWS_OWNED_KEY"}))
        none = f"{self.prefix}:activity:none"
        missing = f"Activity Does Not Exist: '{none}'"
        self.refused("ActivityDoesNotExist", missing, self.sfn.describe_activity, activityArn=none)
        self.refused("ActivityDoesNotExist", missing, self.sfn.get_activity_task, activityArn=none)
        names = [a["name"] for p in self.sfn.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 1}) for a in p["activities"]]
        self.assertIn("pack", names)
        self.refused("InvalidToken", "Invalid Token: 'Invalid token'", self.sfn.list_activities, nextToken="no token")

        self.sfn.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "3"}, {"key": "c", "value": ""}])
        self.sfn.untag_resource(resourceArn=arn, tagKeys=["c", "none"])
        self.assertEqual(self.sfn.list_tags_for_resource(resourceArn=arn)["tags"], [{"key": "a", "value": "3"}])
        missing = f"Resource not found: '{none}'"
        self.refused("ResourceNotFound", missing, self.sfn.list_tags_for_resource, resourceArn=none)
        self.refused("ResourceNotFound", missing, self.sfn.tag_resource, resourceArn=none, tags=[])
        self.refused("ResourceNotFound", missing, self.sfn.untag_resource, resourceArn=none, tagKeys=["a"])

        empty = self.sfn.get_activity_task(activityArn=arn)
        self.assertEqual((empty.get("taskToken"), empty.get("input")), (None, None))
        for _ in range(2):
            self.sfn.delete_activity(activityArn=arn)
        self.refused("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: pack'", self.sfn.delete_activity, activityArn="pack")

    @needs("RedriveExecution")
    def test_tasks(self):
        activity = self.sfn.create_activity(name="work")["activityArn"]
        machine = self.machine("worker", json.dumps({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": activity, "End": True}}}))
        execution = self.begin(machine, "succeeds", input='{"n": 1}')
        task = self.task(activity)
        self.assertEqual(task["input"], '{"n":1}')
        token = {"taskToken": task["taskToken"]}
        self.sfn.send_task_heartbeat(**token)
        self.refused("InvalidOutput", None, self.sfn.send_task_success, output="{", **token)
        self.sfn.send_task_success(output="[1]", **token)
        self.assertEqual(self.ends(execution, "SUCCEEDED")["output"], "[1]")
        for call, more in ((self.sfn.send_task_success, {"output": "1"}), (self.sfn.send_task_failure, {}), (self.sfn.send_task_heartbeat, {})):
            self.refused("TaskTimedOut", None, call, **token, **more)
            self.refused("InvalidToken", "Invalid Token: 'Invalid token'", call, taskToken="no token", **more)

        execution = self.begin(machine, "fails")
        self.sfn.send_task_failure(taskToken=self.task(activity)["taskToken"], error="E", cause="C")
        closed = self.ends(execution, "FAILED")
        self.assertEqual((closed["error"], closed["cause"], closed["redriveStatus"]), ("E", "C", "REDRIVABLE"))
        self.sfn.redrive_execution(executionArn=execution)
        self.sfn.send_task_success(taskToken=self.task(activity)["taskToken"], output="2")
        self.assertEqual(self.ends(execution, "SUCCEEDED")["redriveCount"], 1)
        self.refused("ExecutionNotRedrivable", None, self.sfn.redrive_execution, executionArn=execution)

    def test_machines(self):
        arn = self.machine("m")
        self.machine("m")
        self.refused("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'", self.machine, name="m", definition=WAITING)
        self.refused("InvalidDefinition", "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /'",
                     self.machine, name="n", definition="{}")
        described = self.sfn.describe_state_machine(stateMachineArn=arn)
        self.assertEqual({k: v for k, v in described.items() if k not in ("creationDate", "ResponseMetadata")}, {
            "stateMachineArn": arn, "name": "m", "status": "ACTIVE", "definition": PASSING, "roleArn": self.role, "type": "STANDARD",
            "loggingConfiguration": {"level": "OFF", "includeExecutionData": False}, "tracingConfiguration": {"enabled": False},
            "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
        })
        none = f"{self.prefix}:stateMachine:none"
        missing = f"State Machine Does Not Exist: '{none}'"
        self.refused("StateMachineDoesNotExist", missing, self.sfn.describe_state_machine, stateMachineArn=none)
        updated = self.sfn.update_state_machine(stateMachineArn=arn, definition=WAITING)
        self.assertEqual(self.sfn.describe_state_machine(stateMachineArn=arn)["revisionId"], updated["revisionId"])
        self.refused("StateMachineDoesNotExist", missing, self.sfn.update_state_machine, stateMachineArn=none, definition=WAITING)
        names = [m["name"] for p in self.sfn.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 1}) for m in p["stateMachines"]]
        self.assertEqual(names, sorted(names))
        self.assertIn("m", names)
        self.refused("InvalidToken", "Invalid Token: 'Invalid token'", self.sfn.list_state_machines, nextToken="no token")
        self.sfn.delete_state_machine(stateMachineArn=arn)
        self.refused("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: m'", self.sfn.delete_state_machine, stateMachineArn="m")

    @needs("CreateStateMachineAlias")
    def test_versions_and_aliases(self):
        arn = self.machine("versioned")
        one = self.sfn.publish_state_machine_version(stateMachineArn=arn, description="one")["stateMachineVersionArn"]
        self.assertEqual(one, arn + ":1")
        updated = self.sfn.update_state_machine(stateMachineArn=arn, definition=FAILING, publish=True)
        two = updated["stateMachineVersionArn"]
        self.assertEqual(two, arn + ":2")
        self.refused("ConflictException",
                     f"Failed to publish the State Machine version for revision other. The current State Machine revision is {updated['revisionId']}.",
                     self.sfn.publish_state_machine_version, stateMachineArn=arn, revisionId="other")
        self.assertEqual([v["stateMachineVersionArn"] for v in self.sfn.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]], [two, one])
        self.refused("InvalidToken", None, self.sfn.list_state_machine_versions, stateMachineArn=arn, nextToken="no token")

        def route(first, second):
            return [{"stateMachineVersionArn": one, "weight": first}, {"stateMachineVersionArn": two, "weight": second}]

        alias = self.sfn.create_state_machine_alias(name="live", routingConfiguration=route(100, 0))["stateMachineAliasArn"]
        self.assertEqual(alias, arn + ":live")
        self.refused("ConflictException", "Failed to create alias because an alias with the same name and a different routing configuration already exists.",
                     self.sfn.create_state_machine_alias, name="live", routingConfiguration=route(0, 100))
        self.refused("ValidationException", "Sum of routing configuration weights must equal 100. Received: [70, 29]",
                     self.sfn.create_state_machine_alias, name="odd", routingConfiguration=route(70, 29))
        self.sfn.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=route(0, 100))
        described = self.sfn.describe_state_machine_alias(stateMachineAliasArn=alias)
        self.assertEqual((described["name"], described["routingConfiguration"]), ("live", route(0, 100)))
        self.assertEqual([a["stateMachineAliasArn"] for a in self.sfn.list_state_machine_aliases(stateMachineArn=arn)["stateMachineAliases"]], [alias])
        self.refused("InvalidToken", None, self.sfn.list_state_machine_aliases, stateMachineArn=arn, nextToken="no token")
        none = arn + ":none"
        self.refused("ResourceNotFound", "Request references a resource that does not exist.",
                     self.sfn.update_state_machine_alias, stateMachineAliasArn=none, routingConfiguration=route(100, 0))
        self.refused("ResourceNotFound", None, self.sfn.describe_state_machine_alias, stateMachineAliasArn=none)

        by_alias = self.ends(self.begin(alias, "by-alias"), "FAILED")
        self.assertEqual((by_alias["stateMachineArn"], by_alias["stateMachineAliasArn"], by_alias["stateMachineVersionArn"]), (arn, alias, two))
        self.assertEqual([e["name"] for e in self.sfn.list_executions(stateMachineArn=alias)["executions"]], ["by-alias"])
        self.refused("ConflictException", None, self.sfn.delete_state_machine_version, stateMachineVersionArn=two)
        self.sfn.delete_state_machine_alias(stateMachineAliasArn=alias)
        self.refused("InvalidArn", None, self.sfn.delete_state_machine_alias, stateMachineAliasArn="live")
        self.sfn.delete_state_machine_version(stateMachineVersionArn=two)

    def test_executions(self):
        machine = self.machine("runs", WAITING)
        execution = self.begin(machine, "e", input='{"n": 1}')
        self.assertEqual(execution, f"{self.prefix}:execution:runs:e")
        self.assertEqual(self.begin(machine, "e", input='{"n": 1}'), execution)
        self.refused("ExecutionAlreadyExists", f"Execution Already Exists: '{execution}'", self.begin, machine=machine, name="e", input="2")
        self.refused("InvalidExecutionInput", "Invalid State Machine Execution Input: 'Invalid execution input.'", self.begin, machine=machine, name="i", input="")
        described = self.sfn.describe_execution(executionArn=execution)
        self.assertEqual((described["status"], described["input"], described["inputDetails"]), ("RUNNING", '{"n": 1}', {"included": True}))
        self.assertEqual(self.sfn.describe_state_machine_for_execution(executionArn=execution)["definition"], WAITING)
        none = f"{self.prefix}:execution:runs:none"
        missing = f"Execution Does Not Exist: '{none}'"
        for call in (self.sfn.describe_execution, self.sfn.describe_state_machine_for_execution, self.sfn.stop_execution,
                     self.sfn.get_execution_history, self.sfn.redrive_execution):
            self.refused("ExecutionDoesNotExist", missing, call, executionArn=none)
        self.begin(machine, "f")
        pages = self.sfn.get_paginator("list_executions").paginate(stateMachineArn=machine, PaginationConfig={"PageSize": 1})
        self.assertEqual([e["name"] for p in pages for e in p["executions"]], ["f", "e"])
        self.refused("StateMachineDoesNotExist", None, self.sfn.list_executions, stateMachineArn=f"{self.prefix}:stateMachine:none")
        stopped = self.sfn.stop_execution(executionArn=execution, error="E", cause="C")
        closed = self.ends(execution, "ABORTED")
        self.assertEqual((closed["error"], closed["cause"], closed["stopDate"]), ("E", "C", stopped["stopDate"]))
        last = self.sfn.get_execution_history(executionArn=execution, reverseOrder=True, maxResults=1)["events"][0]
        self.assertEqual((last["type"], last["previousEventId"], last["executionAbortedEventDetails"]), ("ExecutionAborted", 0, {"error": "E", "cause": "C"}))
        self.assertEqual([e["type"] for e in self.events(execution)], ["ExecutionStarted", "WaitStateEntered", "ExecutionAborted"])

    def test_express(self):
        ran = self.sfn.start_sync_execution(stateMachineArn=self.machine("fast", type="EXPRESS"), name="x", input='{"n":1}')
        self.assertEqual((ran["status"], ran["output"], ran["name"]), ("SUCCEEDED", '{"n":1}', "x"))
        self.assertEqual(ran["billingDetails"]["billedDurationInMilliseconds"] % 100, 0)
        self.refused("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine",
                     self.sfn.start_sync_execution, stateMachineArn=self.machine("slow"))

    @needs("ValidateStateMachineDefinition")
    def test_states_and_definitions(self):
        tested = self.sfn.test_state(
            definition=json.dumps({"Type": "Pass", "Parameters": {"x.$": "$.n"}, "Next": "N"}), roleArn=self.role, input='{"n":1}', inspectionLevel="DEBUG")
        self.assertEqual((tested["status"], json.loads(tested["output"]), tested["nextState"]), ("SUCCEEDED", {"x": 1}, "N"))
        self.assertEqual(json.loads(tested["inspectionData"]["afterParameters"]), {"x": 1})
        self.refused("InvalidDefinition", None, self.sfn.test_state, definition='{"Type":"Nap"}', roleArn=self.role)
        valid = self.sfn.validate_state_machine_definition(definition=PASSING)
        self.assertEqual((valid["result"], valid["diagnostics"], valid["truncated"]), ("OK", [], False))
        invalid = self.sfn.validate_state_machine_definition(definition='{"StartAt":"X","States":{"X":{"Type":"Nap"}}}')
        self.assertEqual(invalid["result"], "FAIL")
        self.assertEqual(invalid["diagnostics"][0]["location"], "/States/X/Type")
        self.refused("ValidationException", None, self.sfn.validate_state_machine_definition, definition=PASSING, maxResults=101)

    # A customer managed key: what is shown is what was given, to those who may use the key.

    @unittest.skipUnless("encryptionConfiguration" in boto3.client("stepfunctions").meta.service_model.operation_model("CreateActivity").input_shape.members,
                         "this boto3 does not know customer managed keys")
    def test_customer_managed_key(self):
        kms, iam = boto3.client("kms"), boto3.client("iam")
        key = kms.create_key()["KeyMetadata"]["Arn"]
        own = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": key, "kmsDataKeyReusePeriodSeconds": 60}
        wrong = "Invalid Encryption Configuration: "
        for config in ({"type": "CUSTOMER_MANAGED_KMS_KEY"}, {**own, "type": "AWS_OWNED_KEY"}, {**own, "kmsKeyId": "alias/none"}):
            with self.assertRaises(self.sfn.exceptions.InvalidEncryptionConfiguration) as caught:
                self.sfn.create_activity(name="sealed", encryptionConfiguration=config)
            self.assertIn(wrong, caught.exception.response["Error"]["Message"])
        iam.create_role(RoleName="boto3-sealed", AssumeRolePolicyDocument=trust({"Service": "states.amazonaws.com"}))
        role = f"arn:aws:iam::{ACCOUNT}:role/boto3-sealed"
        context = {"StringLike": {"kms:EncryptionContext:aws:states:stateMachineArn": f"{self.prefix}:stateMachine:sealed*"}}
        iam.put_role_policy(RoleName="boto3-sealed", PolicyName="key", PolicyDocument=policy(
            allow(["kms:GenerateDataKey", "kms:Decrypt"], key, **context),
            allow("kms:GenerateDataKey", key, StringEquals={"kms:EncryptionContext:aws:states:activityArn": f"{self.prefix}:activity:sealed"})))
        iam.create_user(UserName="boto3-keyless")
        iam.put_user_policy(UserName="boto3-keyless", PolicyName="states", PolicyDocument=policy(allow("states:*")))
        access = iam.create_access_key(UserName="boto3-keyless")["AccessKey"]
        keyless = boto3.client("stepfunctions", aws_access_key_id=access["AccessKeyId"], aws_secret_access_key=access["SecretAccessKey"])

        activity = self.sfn.create_activity(name="sealed", encryptionConfiguration=own)["activityArn"]
        self.assertEqual(self.sfn.describe_activity(activityArn=activity)["encryptionConfiguration"], own)
        self.refused("ActivityAlreadyExists", None, self.sfn.create_activity, name="sealed")
        definition = json.dumps({"StartAt": "A", "States": {
            "A": {"Type": "Task", "Resource": activity, "Next": "M"},
            "M": {"Type": "Map", "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}, "End": True}}})
        made = {"name": "sealed", "definition": definition, "roleArn": role, "encryptionConfiguration": own}
        machine = self.sfn.create_state_machine(**made)["stateMachineArn"]
        self.assertEqual(self.sfn.create_state_machine(**made)["stateMachineArn"], machine)
        self.assertEqual(self.sfn.describe_state_machine(stateMachineArn=machine)["definition"], definition)

        execution = self.begin(machine, "e", input='{"for": "ann"}')
        self.refused("KmsAccessDeniedException", None, keyless.get_activity_task, activityArn=activity)
        task = self.task(activity)
        self.assertEqual(json.loads(task["input"]), {"for": "ann"})
        self.sfn.send_task_success(taskToken=task["taskToken"], output='["a", "b"]')
        closed = self.ends(execution, "SUCCEEDED")
        self.assertEqual((closed["input"], json.loads(closed["output"])), ('{"for": "ann"}', ["a", "b"]))
        inputs = [e["stateEnteredEventDetails"]["input"] for e in self.events(execution) if "stateEnteredEventDetails" in e]
        self.assertEqual(inputs, ['{"for":"ann"}', '["a","b"]', '"a"', '"b"'])
        for call, arguments in ((keyless.describe_execution, {"executionArn": execution}), (keyless.get_execution_history, {"executionArn": execution}),
                                (keyless.describe_state_machine, {"stateMachineArn": machine}), (keyless.create_activity, {"name": "no", "encryptionConfiguration": own}),
                                (keyless.describe_state_machine_for_execution, {"executionArn": execution})):
            self.refused("KmsAccessDeniedException", None, call, **arguments)
        self.assertNotIn("input", keyless.describe_execution(executionArn=execution, includedData="METADATA_ONLY"))
        self.assertTrue(keyless.get_execution_history(executionArn=execution, includeExecutionData=False)["events"])

        # A key that is disabled, and one that works again.
        other = self.sfn.create_state_machine(name="sealed-2", definition=PASSING, roleArn=role, encryptionConfiguration=own)["stateMachineArn"]
        kms.disable_key(KeyId=key)
        with self.assertRaises(self.sfn.exceptions.KmsInvalidStateException) as caught:
            self.begin(other, "e")
        self.assertEqual(caught.exception.response["kmsKeyState"], "DISABLED")
        self.refused("InvalidEncryptionConfiguration", None, self.sfn.create_activity, name="no", encryptionConfiguration=own)
        kms.enable_key(KeyId=key)
        self.ends(self.begin(other, "e"), "SUCCEEDED")
        # Without the key, everybody who may see the machine reads its definition.
        self.sfn.update_state_machine(stateMachineArn=machine, encryptionConfiguration={"type": "AWS_OWNED_KEY"})
        self.assertEqual(keyless.describe_state_machine(stateMachineArn=machine)["definition"], definition)

    # Tools that manage resources: for each, the calls that Terraform's provider makes to
    # create, read, change and delete it.

    def test_terraform_activity(self):
        arn = self.sfn.create_activity(name="terraform", tags=[{"key": "env", "value": "dev"}])["activityArn"]
        self.assertEqual(self.sfn.describe_activity(activityArn=arn)["name"], "terraform")
        self.assertEqual(self.sfn.list_tags_for_resource(resourceArn=arn)["tags"], [{"key": "env", "value": "dev"}])
        self.sfn.untag_resource(resourceArn=arn, tagKeys=["env"])
        self.sfn.tag_resource(resourceArn=arn, tags=[{"key": "env", "value": "prod"}])
        self.sfn.delete_activity(activityArn=arn)
        self.refused("ActivityDoesNotExist", None, self.sfn.describe_activity, activityArn=arn)

    @needs("ValidateStateMachineDefinition")
    def test_terraform_state_machine(self):
        # At the plan; the provider looks at errors only.
        self.assertEqual(self.sfn.validate_state_machine_definition(definition=PASSING, type="STANDARD", severity="ERROR", maxResults=0)["result"], "OK")
        options = {"loggingConfiguration": {"includeExecutionData": False, "level": "OFF"}, "tracingConfiguration": {"enabled": False},
                   "encryptionConfiguration": {"type": "AWS_OWNED_KEY"}}
        made = self.sfn.create_state_machine(
            name="terraform", definition=PASSING, roleArn=self.role, type="STANDARD", publish=True, tags=[{"key": "env", "value": "dev"}], **options)
        arn = made["stateMachineArn"]

        def newest():
            listed = self.sfn.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
            return max(listed, key=lambda v: v["creationDate"])["stateMachineVersionArn"]

        self.assertEqual(newest(), made["stateMachineVersionArn"])
        read = self.sfn.describe_state_machine(stateMachineArn=arn)
        self.assertEqual({k: read[k] for k in options}, options)
        self.assertNotIn("description", read)
        self.sfn.update_state_machine(stateMachineArn=arn, definition=WAITING, roleArn=self.role, publish=True, **options)
        # It looks until what it reads is what it wrote.
        self.assertEqual(self.sfn.describe_state_machine(stateMachineArn=arn)["definition"], WAITING)
        self.assertEqual(newest(), arn + ":2")
        self.assertIn(arn, [m["stateMachineArn"] for p in self.sfn.get_paginator("list_state_machines").paginate() for m in p["stateMachines"]])
        # aws_sfn_alias
        alias = self.sfn.create_state_machine_alias(
            name="terraform", description="tf", routingConfiguration=[{"stateMachineVersionArn": arn + ":2", "weight": 100}])["stateMachineAliasArn"]
        read = self.sfn.describe_state_machine_alias(stateMachineAliasArn=alias)
        self.assertEqual((read["name"], read["description"]), ("terraform", "tf"))
        self.sfn.delete_state_machine_alias(stateMachineAliasArn=alias)
        self.refused("ResourceNotFound", None, self.sfn.describe_state_machine_alias, stateMachineAliasArn=alias)
        # It waits until the state machine is gone.
        self.sfn.delete_state_machine(stateMachineArn=arn)
        give = time.monotonic() + 30
        with self.assertRaises(self.sfn.exceptions.StateMachineDoesNotExist):
            while time.monotonic() < give:
                self.sfn.describe_state_machine(stateMachineArn=arn)
                time.sleep(0.05)

    def test_map_run(self):
        """Executions of items are held by an activity, fail, are listed, and are redriven with their map run."""
        activity = self.sfn.create_activity(name="items")["activityArn"]
        machine = self.machine("mapping", json.dumps({"StartAt": "M", "States": {"M": {
            "Type": "Map", "Label": "each", "MaxConcurrency": 1, "ToleratedFailureCount": 0, "End": True,
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "T",
                              "States": {"T": {"Type": "Task", "Resource": activity, "End": True}}}}}}))
        execution = self.begin(machine, "e", input='["a", "b", "c"]')
        task = self.task(activity)
        self.assertEqual(task["input"], '"a"')
        run = self.sfn.list_map_runs(executionArn=execution)["mapRuns"]
        self.assertEqual([(r["executionArn"], r["stateMachineArn"], "stopDate" in r) for r in run], [(execution, machine + "/each", False)])
        arn = run[0]["mapRunArn"]
        self.assertTrue(arn.startswith(f"{self.prefix}:mapRun:mapping/each:"), arn)
        seen = self.sfn.describe_map_run(mapRunArn=arn)
        self.assertEqual((seen["status"], seen["maxConcurrency"], seen["toleratedFailureCount"]), ("RUNNING", 1, 0))
        self.assertEqual({k: v for k, v in seen["itemCounts"].items() if v}, {"pending": 2, "running": 1, "total": 3})
        self.sfn.update_map_run(mapRunArn=arn, maxConcurrency=2, toleratedFailureCount=1)
        seen = self.sfn.describe_map_run(mapRunArn=arn)
        self.assertEqual((seen["maxConcurrency"], seen["toleratedFailureCount"]), (2, 1))
        second = self.task(activity)
        self.assertEqual(second["input"], '"b"')
        for t in (task, second):
            self.sfn.send_task_failure(taskToken=t["taskToken"], error="E")
        failed = self.ends(execution, "FAILED")
        self.assertEqual((failed["error"], failed["cause"]),
                         ("States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded"))
        events = self.events(execution)
        self.assertEqual([e["type"] for e in events], ["ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunFailed",
                                                       "MapStateFailed", "ExecutionFailed"])
        self.assertEqual(events[3]["mapRunStartedEventDetails"], {"mapRunArn": arn})
        seen = self.sfn.describe_map_run(mapRunArn=arn)
        self.assertEqual((seen["status"], seen["executionCounts"]["failed"]), ("FAILED", 2))
        self.refused("ValidationException", None, self.sfn.update_map_run, mapRunArn=arn, maxConcurrency=1)

        children = self.sfn.list_executions(mapRunArn=arn)["executions"]
        self.assertEqual({(c["mapRunArn"], c["itemCount"], c["stateMachineArn"]) for c in children}, {(arn, 1, machine + "/each")})
        self.assertEqual([e["executionArn"] for e in self.sfn.list_executions(stateMachineArn=machine)["executions"]], [execution])
        lost = self.sfn.list_executions(mapRunArn=arn, statusFilter="FAILED")["executions"]
        self.assertEqual(len(lost), 2)
        child = self.sfn.describe_execution(executionArn=lost[0]["executionArn"])
        self.assertEqual((child["mapRunArn"], child["redriveStatus"]), (arn, "REDRIVABLE_BY_MAP_RUN"))
        self.assertEqual(self.events(child["executionArn"])[-1]["type"], "ExecutionFailed")
        shown = self.sfn.describe_state_machine_for_execution(executionArn=child["executionArn"])
        self.assertEqual((shown["mapRunArn"], shown["label"]), (arn, "each"))
        self.refused("ExecutionNotRedrivable", None, self.sfn.redrive_execution, executionArn=child["executionArn"])

        self.sfn.redrive_execution(executionArn=execution)
        done = 0
        while done < 3:
            task = self.task(activity)
            self.sfn.send_task_success(taskToken=task["taskToken"], output=json.dumps({"of": json.loads(task["input"])}))
            done += 1
        self.assertEqual(json.loads(self.ends(execution, "SUCCEEDED")["output"]), [{"of": "a"}, {"of": "b"}, {"of": "c"}])
        self.assertIn("MapRunRedriven", [e["type"] for e in self.events(execution)])
        seen = self.sfn.describe_map_run(mapRunArn=arn)
        self.assertEqual((seen["status"], seen["redriveCount"], seen["executionCounts"]["succeeded"]), ("SUCCEEDED", 1, 3))
        none = f"{self.prefix}:mapRun:mapping/each:none"
        self.refused("ResourceNotFound", f"Resource not found: '{none}'", self.sfn.describe_map_run, mapRunArn=none)
        self.refused("ResourceNotFound", f"Resource not found: '{none}'", self.sfn.list_executions, mapRunArn=none)

    def test_zz_every_operation(self):
        """Comes last by its name: what the others did covers the whole API."""
        self.assertEqual(OPERATIONS - called, set())


if __name__ == "__main__":
    unittest.main()
