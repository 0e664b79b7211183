"""Drives a running server with unmodified boto3, as AWS documents it: a decider
and a worker complete an order, every operation is called, and faults arrive as
the exceptions that boto3 makes of the service's model.

The endpoint, region and keys come from the environment (AWS_ENDPOINT_URL,
AWS_DEFAULT_REGION, ...); compat/run sets them. Nothing but boto3 is needed.
"""

import datetime
import json
import threading
import unittest
import unittest.mock

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

DOMAIN = "python"
ORDER = {"name": "order", "version": "1"}
STEP = {"name": "step", "version": "1"}
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

called = set()  # operations that answered with success


# Versions of boto3 from before 2024 know 37 operations: none that deletes types.
DELETES = "DeleteWorkflowType" in boto3.client("swf").meta.service_model.operation_names


def make_client():
    client = boto3.client("swf", config=Config(retries={"total_max_attempts": 1}))
    client.meta.events.register(
        "after-call.swf",
        lambda model, parsed, **_: parsed["ResponseMetadata"]["HTTPStatusCode"] == 200 and called.add(model.name),
    )
    return client


class Swf(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.swf = make_client()
        cls.swf.register_domain(name=DOMAIN, workflowExecutionRetentionPeriodInDays="1", tags=[{"key": "made", "value": "by boto3"}])
        cls.swf.register_workflow_type(
            domain=DOMAIN, **ORDER, defaultTaskList={"name": "orders"}, defaultChildPolicy="TERMINATE",
            defaultExecutionStartToCloseTimeout="600", defaultTaskStartToCloseTimeout="60",
        )
        cls.swf.register_activity_type(
            domain=DOMAIN, **STEP, defaultTaskList={"name": "steps"}, defaultTaskHeartbeatTimeout="NONE",
            defaultTaskScheduleToStartTimeout="60", defaultTaskScheduleToCloseTimeout="120", defaultTaskStartToCloseTimeout="60",
        )

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
        if code.endswith("Fault"):
            self.assertIsInstance(caught.exception, getattr(self.swf.exceptions, code))

    # An order: three steps one after the other, then a signal, then a timer.

    STEPS = ["reserve", "charge", "ship"]

    def decide(self, events):
        """Decides from the history alone, as deciders do."""
        done = [e["activityTaskCompletedEventAttributes"]["result"] for e in events if e["eventType"] == "ActivityTaskCompleted"]
        kinds = [e["eventType"] for e in events]
        if len(done) < len(self.STEPS):
            if kinds.count("ActivityTaskScheduled") > len(done):
                return []  # a signal came meanwhile
            name = self.STEPS[len(done)]
            return [{
                "decisionType": "ScheduleActivityTask",
                "scheduleActivityTaskDecisionAttributes": {"activityId": name, "activityType": STEP, "input": json.dumps({"step": name})},
            }]
        if "WorkflowExecutionSignaled" not in kinds:
            return []
        if "TimerStarted" not in kinds:
            return [{"decisionType": "StartTimer", "startTimerDecisionAttributes": {"timerId": "pause", "startToFireTimeout": "1"}}]
        if "TimerFired" not in kinds:
            return []
        return [{"decisionType": "CompleteWorkflowExecution", "completeWorkflowExecutionDecisionAttributes": {"result": ",".join(done)}}]

    def decider(self, failures):
        try:
            swf = make_client()
            while True:
                task = swf.poll_for_decision_task(domain=DOMAIN, taskList={"name": "orders"}, identity="decider", maximumPageSize=10)
                if not task.get("taskToken"):
                    continue
                events, page = task["events"], task
                while page.get("nextPageToken"):
                    page = swf.poll_for_decision_task(
                        domain=DOMAIN, taskList={"name": "orders"}, maximumPageSize=10, nextPageToken=page["nextPageToken"])
                    events += page["events"]
                decisions = self.decide(events)
                swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decisions, executionContext=str(len(events)))
                if decisions and decisions[-1]["decisionType"].startswith("Complete"):
                    return
        except Exception as e:
            failures.append(e)

    def worker(self, failures):
        try:
            swf = make_client()
            for _ in self.STEPS:
                task = {}
                while not task.get("taskToken"):
                    task = swf.poll_for_activity_task(domain=DOMAIN, taskList={"name": "steps"}, identity="worker")
                status = swf.record_activity_task_heartbeat(taskToken=task["taskToken"], details="at it")
                assert status["cancelRequested"] is False, status
                swf.respond_activity_task_completed(taskToken=task["taskToken"], result=json.loads(task["input"])["step"] + "d")
        except Exception as e:
            failures.append(e)

    def test_order(self):
        failures = []
        people = [threading.Thread(target=who, args=(failures,), daemon=True) for who in (self.decider, self.worker)]
        for p in people:
            p.start()
        run = self.swf.start_workflow_execution(domain=DOMAIN, workflowId="order-1", workflowType=ORDER, input="3 × Ω", tagList=["new"])["runId"]
        self.swf.signal_workflow_execution(domain=DOMAIN, workflowId="order-1", runId=run, signalName="paid", input="yes")
        for p in people:
            p.join(60)
            self.assertFalse(p.is_alive() and not failures, "the order did not end")
        self.assertEqual(failures, [])
        execution = {"workflowId": "order-1", "runId": run}
        pages = self.swf.get_paginator("get_workflow_execution_history").paginate(
            domain=DOMAIN, execution=execution, PaginationConfig={"PageSize": 7})
        events = [e for page in pages for e in page["events"]]
        self.assertEqual([e["eventId"] for e in events], list(range(1, len(events) + 1)))
        self.assertEqual(events[0]["workflowExecutionStartedEventAttributes"]["input"], "3 × Ω")
        self.assertEqual(events[-1]["workflowExecutionCompletedEventAttributes"]["result"], "reserved,charged,shipd")
        self.assertEqual(events[-1]["eventTimestamp"].tzinfo is not None, True)
        detail = self.swf.describe_workflow_execution(domain=DOMAIN, execution=execution)
        self.assertEqual(detail["executionInfo"]["closeStatus"], "COMPLETED")
        self.assertEqual(detail["executionInfo"]["closeTimestamp"], events[-1]["eventTimestamp"])
        self.assertEqual(detail["openCounts"]["openTimers"], 0)
        self.assertTrue(detail["latestExecutionContext"])

    def test_domains(self):
        arn = self.swf.describe_domain(name=DOMAIN)["domainInfo"]["arn"]
        self.assertEqual(self.swf.list_tags_for_resource(resourceArn=arn)["tags"], [{"key": "made", "value": "by boto3"}])
        self.swf.tag_resource(resourceArn=arn, tags=[{"key": "more", "value": ""}])
        self.assertEqual([t["key"] for t in self.swf.list_tags_for_resource(resourceArn=arn)["tags"]], ["made", "more"])
        self.swf.untag_resource(resourceArn=arn, tagKeys=["more"])
        self.swf.register_domain(name="brief", workflowExecutionRetentionPeriodInDays="NONE")
        self.swf.deprecate_domain(name="brief")
        self.assertIn("brief", [d["name"] for p in self.swf.get_paginator("list_domains").paginate(registrationStatus="DEPRECATED") for d in p["domainInfos"]])
        self.refused("DomainDeprecatedFault", "brief", self.swf.deprecate_domain, name="brief")
        self.swf.undeprecate_domain(name="brief")
        self.refused("DomainAlreadyExistsFault", "brief", self.swf.undeprecate_domain, name="brief")
        self.refused("DomainAlreadyExistsFault", "brief", self.swf.register_domain, name="brief", workflowExecutionRetentionPeriodInDays="1")
        self.refused("UnknownResourceFault", "Unknown domain: none", self.swf.describe_domain, name="none")
        self.refused("TooManyTagsFault", None, self.swf.tag_resource, resourceArn=arn, tags=[{"key": str(i)} for i in range(51)])

    def test_types(self):
        for kind, text, key in (("workflow", "WorkflowType", "workflowType"), ("activity", "ActivityType", "activityType")):
            with self.subTest(kind):
                def call(verb, **arguments):
                    return getattr(self.swf, f"{verb}_{kind}_type")(domain=DOMAIN, **arguments)
                mill = {"name": "mill", "version": "1"}
                named = f"{text}=[name=mill, version=1]"
                call("register", **mill, description="grinds")
                self.refused("TypeAlreadyExistsFault", named, lambda: call("register", **mill))
                detail = call("describe", **{key: mill})
                self.assertEqual((detail["typeInfo"]["status"], detail["typeInfo"]["description"], detail["configuration"]), ("REGISTERED", "grinds", {}))
                if DELETES:
                    self.refused("TypeNotDeprecatedFault", "The type is currently registered and cannot be deleted in its current state",
                                 lambda: call("delete", **{key: mill}))
                call("deprecate", **{key: mill})
                self.refused("TypeDeprecatedFault", named, lambda: call("deprecate", **{key: mill}))
                listed = getattr(self.swf, f"list_{kind}_types")(domain=DOMAIN, registrationStatus="DEPRECATED", name="mill")["typeInfos"]
                self.assertEqual([i[key] for i in listed], [mill])
                self.assertGreaterEqual(listed[0]["deprecationDate"], listed[0]["creationDate"])
                call("undeprecate", **{key: mill})
                if not DELETES:
                    continue
                call("deprecate", **{key: mill})
                call("delete", **{key: mill})
                self.refused("UnknownResourceFault", "Unknown type: " + named, lambda: call("describe", **{key: mill}))

    def test_executions(self):
        start = dict(domain=DOMAIN, workflowType=ORDER, taskList={"name": "by hand"})
        run = self.swf.start_workflow_execution(workflowId="w", tagList=["hand"], **start)["runId"]
        self.refused("WorkflowExecutionAlreadyStartedFault", "Already Started", self.swf.start_workflow_execution, workflowId="w", **start)
        times = {"startTimeFilter": {"oldestDate": EPOCH}}
        tag = {"domain": DOMAIN, "tagFilter": {"tag": "hand"}, **times}
        self.assertEqual(self.swf.count_open_workflow_executions(**tag), {"count": 1, "truncated": False, "ResponseMetadata": unittest.mock.ANY})
        self.assertEqual([i["execution"]["runId"] for i in self.swf.list_open_workflow_executions(**tag)["executionInfos"]], [run])
        self.assertEqual(self.swf.count_pending_decision_tasks(domain=DOMAIN, taskList={"name": "by hand"})["count"], 1)

        def poll():
            task = self.swf.poll_for_decision_task(domain=DOMAIN, taskList={"name": "by hand"})
            self.assertEqual(task["workflowExecution"], {"workflowId": "w", "runId": run})
            return task
        task = poll()
        self.assertEqual((task["previousStartedEventId"], task["startedEventId"]), (0, 3))
        two = [{"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": {
            "activityId": i, "activityType": STEP, "taskList": {"name": "hands"}}} for i in ("fails", "stops")]
        self.swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=two)
        self.assertEqual(self.swf.count_pending_activity_tasks(domain=DOMAIN, taskList={"name": "hands"})["count"], 2)
        fails, stops = (self.swf.poll_for_activity_task(domain=DOMAIN, taskList={"name": "hands"}) for _ in two)
        self.swf.respond_activity_task_failed(taskToken=fails["taskToken"], reason="no", details="really")
        self.refused("UnknownResourceFault", "Unknown activity, scheduledEventId = 5", self.swf.respond_activity_task_failed, taskToken=fails["taskToken"])
        self.swf.request_cancel_workflow_execution(domain=DOMAIN, workflowId="w")
        self.swf.respond_decision_task_completed(taskToken=poll()["taskToken"], decisions=[
            {"decisionType": "RequestCancelActivityTask", "requestCancelActivityTaskDecisionAttributes": {"activityId": "stops"}}])
        self.assertTrue(self.swf.record_activity_task_heartbeat(taskToken=stops["taskToken"])["cancelRequested"])
        self.swf.respond_activity_task_canceled(taskToken=stops["taskToken"])
        self.swf.terminate_workflow_execution(domain=DOMAIN, workflowId="w", reason="done", childPolicy="ABANDON")
        self.refused("UnknownResourceFault", "Unknown execution, workflowId = w", self.swf.terminate_workflow_execution, domain=DOMAIN, workflowId="w")
        self.refused("UnknownResourceFault", f"Unknown execution: WorkflowExecution=[workflowId=w, runId={run}]",
                     self.swf.signal_workflow_execution, domain=DOMAIN, workflowId="w", runId=run, signalName="s")
        closed = self.swf.list_closed_workflow_executions(**tag)["executionInfos"]
        self.assertEqual([i["closeStatus"] for i in closed], ["TERMINATED"])
        self.assertEqual(self.swf.count_closed_workflow_executions(**tag)["count"], 1)

    def test_faults(self):
        self.swf.register_workflow_type(domain=DOMAIN, name="bare", version="1")
        start = dict(domain=DOMAIN, workflowId="bare", workflowType={"name": "bare", "version": "1"})
        self.refused("DefaultUndefinedFault", "executionStartToCloseTimeout", self.swf.start_workflow_execution, **start)
        self.swf.deprecate_workflow_type(domain=DOMAIN, workflowType=start["workflowType"])
        self.refused("TypeDeprecatedFault", "WorkflowType=[name=bare, version=1]", self.swf.start_workflow_execution, **start)
        self.refused("ValidationException", "Invalid token", self.swf.respond_decision_task_completed, taskToken="nonsense")
        self.refused("ValidationException", None, self.swf.list_domains, registrationStatus="X")

    def test_empty_polls(self):
        decision = self.swf.poll_for_decision_task(domain=DOMAIN, taskList={"name": "empty"})
        decision.pop("ResponseMetadata")
        self.assertEqual(decision, {"startedEventId": 0, "previousStartedEventId": 0})
        activity = self.swf.poll_for_activity_task(domain=DOMAIN, taskList={"name": "empty"})
        activity.pop("ResponseMetadata")
        self.assertEqual(activity.get("startedEventId"), 0)
        self.assertNotIn("taskToken", activity)

    def test_zz_every_operation(self):
        """Comes last by its name: what the others did covers the whole API."""
        everything = set(self.swf.meta.service_model.operation_names)
        self.assertEqual(len(everything), 39 if DELETES else 37)
        self.assertEqual(everything - called, set())


if __name__ == "__main__":
    unittest.main()
