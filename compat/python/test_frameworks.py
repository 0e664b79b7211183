"""Clients in the manner of frameworks that speak to SWF without the vendor's present
SDKs: a decider that replays its history and names children by its own runId, as the
vendor's Flow frameworks do; deciders that leave out blocks which say nothing; and
signers of 2013 to 2016.

Requests are made of bytes here, and signed here: no SDK tidies them up. The endpoint,
the region and the key come from the environment; compat/run sets it.
"""

import configparser
import hashlib
import hmac
import http.client
import json
import os
import time
import unittest
import urllib.parse

ENDPOINT = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
REGION = os.environ["AWS_DEFAULT_REGION"]
DOMAIN = "frameworks"


def credentials():
    file = configparser.ConfigParser()
    file.read(os.environ["AWS_SHARED_CREDENTIALS_FILE"])
    return file["default"]["aws_access_key_id"], file["default"]["aws_secret_access_key"]


ACCESS_KEY, SECRET_KEY = credentials()


class Fault(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body
        self.kind = json.loads(body)["__type"].split("#")[1] if body else ""


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def signed(headers, body, claimed_hash=None, at=None):
    """Adds an Authorization over the given headers. The hash of the body in it is the
    real one, unless another is claimed."""
    at = at or time.gmtime()
    date = time.strftime("%Y%m%dT%H%M%SZ", at)
    headers = {**headers, "X-Amz-Date": date}
    names = sorted(name.lower() for name in headers)
    lower = {name.lower(): value for name, value in headers.items()}
    canonical = "\n".join(
        ["POST", "/", ""] + [f"{name}:{lower[name]}" for name in names] + ["", ";".join(names), claimed_hash or sha256(body)])
    scope = f"{date[:8]}/{REGION}/swf/aws4_request"
    key = ("AWS4" + SECRET_KEY).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, sha256(canonical.encode())])
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}")
    return headers


class Client:
    """A client of 2013: the long target, a type that says JSON alone, and an encoding
    that is none. Changed by what a test says of it."""

    prefix = "com.amazonaws.swf.service.model.SimpleWorkflowService."
    headers = {"Content-Type": "application/json; charset=UTF-8", "Content-Encoding": "amz-1.0"}
    unsigned = staticmethod(lambda body: {})  # headers that are sent and not signed
    signed = {}  # headers that are signed besides
    claimed_hash = None

    def __init__(self, **changes):
        for name, value in changes.items():
            setattr(self, name, value)

    def __call__(self, action, body_sent=None, **parameters):
        body = json.dumps(parameters).encode()
        headers = {"Host": ENDPOINT.netloc, "X-Amz-Target": self.prefix + action, **self.headers, **self.signed}
        headers = {**signed(headers, body, self.claimed_hash), **self.unsigned(body)}
        connection = http.client.HTTPConnection(ENDPOINT.netloc, timeout=70)
        try:
            connection.request("POST", "/", body_sent or body, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise Fault(answer.status, text.decode())
        return json.loads(text) if text else None


class Case(unittest.TestCase):
    number = 0

    @classmethod
    def setUpClass(cls):
        cls.swf = Client()
        try:
            cls.swf("RegisterDomain", name=DOMAIN, workflowExecutionRetentionPeriodInDays="1")
        except Fault as f:
            if f.kind != "DomainAlreadyExistsFault":
                raise
            return
        for name in ("parent", "child", "bare"):
            cls.swf(
                "RegisterWorkflowType", domain=DOMAIN, name=name, version="1.0", defaultTaskList={"name": name},
                defaultExecutionStartToCloseTimeout="600", defaultTaskStartToCloseTimeout="30", defaultChildPolicy="TERMINATE")
        cls.swf(
            "RegisterActivityType", domain=DOMAIN, name="double", version="1.0", defaultTaskList={"name": "double"},
            defaultTaskScheduleToStartTimeout="60", defaultTaskScheduleToCloseTimeout="60", defaultTaskStartToCloseTimeout="60",
            defaultTaskHeartbeatTimeout="NONE")

    def start(self, kind, **more):
        Case.number += 1
        name = f"{kind}-{Case.number}"
        run = self.swf("StartWorkflowExecution", domain=DOMAIN, workflowId=name, workflowType={"name": kind, "version": "1.0"}, **more)
        return {"workflowId": name, "runId": run["runId"]}

    def history(self, execution):
        events, page = [], {}
        while True:
            answer = self.swf("GetWorkflowExecutionHistory", domain=DOMAIN, execution=execution, maximumPageSize=7, **page)
            events += answer["events"]
            if "nextPageToken" not in answer:
                return events
            page = {"nextPageToken": answer["nextPageToken"]}

    def info(self, execution):
        return self.swf("DescribeWorkflowExecution", domain=DOMAIN, execution=execution)["executionInfo"]

    def decision_task(self, task_list):
        """The task with its whole history, of pages of three events."""
        task = self.swf("PollForDecisionTask", domain=DOMAIN, taskList={"name": task_list}, maximumPageSize=3)
        page = task
        while page.get("nextPageToken"):
            page = self.swf(
                "PollForDecisionTask", domain=DOMAIN, taskList={"name": task_list}, maximumPageSize=3, nextPageToken=page["nextPageToken"])
            task["events"] += page["events"]
        return task


class Waits(Exception):
    """The workflow can't go on with what has happened so far."""


class Flow:
    """Runs a workflow function anew over its history at each decision task. What it asks
    for is numbered in the order of asking: timers and activities by that number, children
    without a name by RUNID:number, as the vendor's frameworks do."""

    def __init__(self, task):
        self.execution = task["workflowExecution"]
        self.events = task["events"]
        self.number = 0
        self.decisions = []
        self.input = self.attributes(self.events[0]).get("input", "")
        self.by_id = {e["eventId"]: e for e in self.events}

    @staticmethod
    def attributes(event):
        kind = event["eventType"]
        return event[kind[0].lower() + kind[1:] + "EventAttributes"]

    def next(self):
        self.number += 1
        return str(self.number)

    def find(self, kinds, fits):
        for event in self.events:
            if event["eventType"] in kinds and fits(self.attributes(event)):
                return event

    def timer(self, seconds):
        name = self.next()
        if not self.find(["TimerStarted"], lambda a: a["timerId"] == name):
            self.decisions.append({"decisionType": "StartTimer", "startTimerDecisionAttributes": {"timerId": name, "startToFireTimeout": str(seconds)}})
        return lambda: self.find(["TimerFired"], lambda a: a["timerId"] == name) is not None

    def activity(self, kind, data):
        name = self.next()
        scheduled = self.find(["ActivityTaskScheduled"], lambda a: a["activityId"] == name)
        if not scheduled:
            self.decisions.append({"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": {
                "activityId": name, "activityType": {"name": kind, "version": "1.0"}, "input": data}})
            return lambda: None

        def done():
            ended = self.find(["ActivityTaskCompleted"], lambda a: a["scheduledEventId"] == scheduled["eventId"])
            return ended and self.attributes(ended)["result"]
        return done

    def child(self, kind, data, workflow_id=None):
        number = self.next()
        workflow_id = workflow_id or f"{self.execution['runId']}:{number}"
        initiated = self.find(["StartChildWorkflowExecutionInitiated"], lambda a: a["workflowId"] == workflow_id)
        if not initiated:
            self.decisions.append({"decisionType": "StartChildWorkflowExecution", "startChildWorkflowExecutionDecisionAttributes": {
                "workflowId": workflow_id, "workflowType": {"name": kind, "version": "1.0"}, "input": data, "control": number}})
            return lambda: None

        def done():
            of = initiated["eventId"]
            if failed := self.find(["StartChildWorkflowExecutionFailed"], lambda a: a["initiatedEventId"] == of):
                raise AssertionError(failed)
            ended = self.find(["ChildWorkflowExecutionCompleted"], lambda a: a["initiatedEventId"] == of)
            if not ended:
                return None
            if self.attributes(ended)["workflowExecution"]["workflowId"] != workflow_id:
                raise AssertionError(ended)
            return self.attributes(ended)["result"]
        done.workflow_id = workflow_id
        return done

    def signals(self, name):
        return [self.attributes(e) for e in self.events if e["eventType"] == "WorkflowExecutionSignaled" and self.attributes(e)["signalName"] == name]

    def wait(self, *promises):
        values = [p() for p in promises]
        if not all(values):
            raise Waits
        return values


class FlowFramework(Case):
    def parent(self, flow):
        children = [flow.child("child", str(n)) for n in (1, 2, 3)]
        named = flow.child("child", "4", workflow_id=flow.execution["workflowId"] + "/named")
        flow.wait(flow.timer(0))
        results = flow.wait(*children, named)
        # Each run of a child told the parent its name by a signal; the third has two.
        want = [f"{flow.execution['runId']}:{n}" for n in (1, 2, 3, 3)] + [flow.execution["workflowId"] + "/named"]
        got = [s["input"] for s in flow.signals("here")]
        if sorted(got) != sorted(want):
            raise AssertionError((got, want))
        return "+".join(results)

    def child(self, flow):
        doubled, = flow.wait(flow.activity("double", flow.input))
        parent = flow.attributes(flow.events[0])["parentWorkflowExecution"]
        mine = flow.execution["workflowId"]
        told = flow.find(["SignalExternalWorkflowExecutionInitiated"], lambda a: True)
        if not told:
            flow.decisions.append({"decisionType": "SignalExternalWorkflowExecution", "signalExternalWorkflowExecutionDecisionAttributes": {
                **parent, "signalName": "here", "input": mine}})
        flow.wait(lambda: flow.find(["ExternalWorkflowExecutionSignaled"], lambda a: a["workflowExecution"] == parent))
        continued = flow.attributes(flow.events[0]).get("continuedExecutionRunId")
        if flow.input == "3" and not continued:  # its name lives on in another run
            return {"decisionType": "ContinueAsNewWorkflowExecution", "continueAsNewWorkflowExecutionDecisionAttributes": {"input": flow.input}}
        return doubled

    def decide(self, kind, workflow):
        task = self.decision_task(kind)
        if "taskToken" not in task:
            return False
        flow = Flow(task)
        try:
            result = workflow(flow)
            if isinstance(result, str):
                result = {"decisionType": "CompleteWorkflowExecution", "completeWorkflowExecutionDecisionAttributes": {"result": result}}
            flow.decisions.append(result)
        except Waits:
            pass
        self.swf("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=flow.decisions)
        return True

    def work(self):
        task = self.swf("PollForActivityTask", domain=DOMAIN, taskList={"name": "double"})
        if "taskToken" not in task:
            self.assertEqual(task, {"startedEventId": 0})
            return False
        self.swf("RespondActivityTaskCompleted", taskToken=task["taskToken"], result=str(2 * int(task["input"])))
        return True

    def busy(self, kind):
        return self.swf("CountPendingDecisionTasks", domain=DOMAIN, taskList={"name": kind})["count"] > 0

    def test_children_of_no_name(self):
        run = self.start("parent")
        until = time.monotonic() + 60
        while self.info(run)["executionStatus"] == "OPEN" and time.monotonic() < until:
            for kind, workflow in (("parent", self.parent), ("child", self.child)):
                while self.busy(kind):
                    self.decide(kind, workflow)
            while self.swf("CountPendingActivityTasks", domain=DOMAIN, taskList={"name": "double"})["count"] > 0:
                self.work()
        events = self.history(run)
        self.assertEqual(events[-1]["eventType"], "WorkflowExecutionCompleted", events[-3:])
        self.assertEqual(events[-1]["workflowExecutionCompletedEventAttributes"]["result"], "2+4+6+8")

        # The children are found by their names, in every call that takes one.
        for n in (1, 2, 3):
            found = self.swf(
                "ListClosedWorkflowExecutions", domain=DOMAIN, startTimeFilter={"oldestDate": 0}, executionFilter={"workflowId": f"{run['runId']}:{n}"})
            self.assertEqual(len(found["executionInfos"]), 2 if n == 3 else 1)
            for info in found["executionInfos"]:
                self.assertEqual(info["parent"], run)
                self.assertEqual(self.info(info["execution"])["execution"], info["execution"])
                self.assertEqual(self.history(info["execution"])[0]["eventType"], "WorkflowExecutionStarted")

    def test_calls_take_such_names(self):
        parent = self.start("bare")
        name = parent["runId"] + ":1"
        kind = {"name": "bare", "version": "1.0"}
        run = self.swf("StartWorkflowExecution", domain=DOMAIN, workflowId=name, workflowType=kind)
        self.swf("SignalWorkflowExecution", domain=DOMAIN, workflowId=name, signalName="s")
        self.swf("RequestCancelWorkflowExecution", domain=DOMAIN, workflowId=name, runId=run["runId"])
        with self.assertRaises(Fault) as caught:
            self.swf("StartWorkflowExecution", domain=DOMAIN, workflowId=name, workflowType=kind)
        self.assertEqual(caught.exception.kind, "WorkflowExecutionAlreadyStartedFault")
        self.swf("TerminateWorkflowExecution", domain=DOMAIN, workflowId=name)
        self.swf("TerminateWorkflowExecution", domain=DOMAIN, **parent)


class LeftOut(Case):
    """Blocks that say nothing, as libraries leave them out: not sent, null, and all 13
    blocks sent with null in those that are of another type."""

    BLOCKS = [
        "scheduleActivityTask", "requestCancelActivityTask", "completeWorkflowExecution", "failWorkflowExecution", "cancelWorkflowExecution",
        "continueAsNewWorkflowExecution", "recordMarker", "startTimer", "cancelTimer", "signalExternalWorkflowExecution",
        "requestCancelExternalWorkflowExecution", "startChildWorkflowExecution", "scheduleLambdaFunction",
    ]
    ENDS = {
        "CompleteWorkflowExecution": "WorkflowExecutionCompleted", "FailWorkflowExecution": "WorkflowExecutionFailed",
        "CancelWorkflowExecution": "WorkflowExecutionCanceled", "ContinueAsNewWorkflowExecution": "WorkflowExecutionContinuedAsNew",
    }

    @classmethod
    def manners(cls, kind):
        block = kind[0].lower() + kind[1:] + "DecisionAttributes"
        return {
            "not sent": {"decisionType": kind},
            "null": {"decisionType": kind, block: None},
            "all null": {**{b + "DecisionAttributes": None for b in cls.BLOCKS}, "decisionType": kind},
            "empty": {"decisionType": kind, block: {}},
        }

    def test_ends(self):
        for kind, event in self.ENDS.items():
            ends = []
            for manner, decision in self.manners(kind).items():
                with self.subTest(kind=kind, manner=manner):
                    run = self.start("bare")
                    task = self.decision_task("bare")
                    self.assertEqual(task["workflowExecution"], run)
                    self.swf("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=[decision])
                    last = self.history(run)[-1]
                    self.assertEqual(last["eventType"], event)
                    attributes = Flow.attributes(last)
                    attributes.pop("newExecutionRunId", None)
                    ends.append(attributes)
                    if kind.startswith("Continue"):
                        self.swf("TerminateWorkflowExecution", domain=DOMAIN, workflowId=run["workflowId"])
            self.assertEqual(ends, ends[:1] * 4)  # the same, however nothing is said

    def test_others_want_theirs(self):
        run = self.start("bare")
        task = self.decision_task("bare")
        for block in self.BLOCKS:
            kind = block[0].upper() + block[1:]
            if kind in self.ENDS:
                continue
            for manner, decision in self.manners(kind).items():
                if manner == "empty":
                    continue  # members are missing, which is another fault
                with self.subTest(kind=kind, manner=manner), self.assertRaises(Fault) as caught:
                    self.swf("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=[decision])
                self.assertEqual(caught.exception.kind, "ValidationException")
                self.assertIn(f"{kind}DecisionAttributes must be specified for decision of type {kind}", caught.exception.body)
        self.swf("RespondDecisionTaskCompleted", taskToken=task["taskToken"])  # its token is still good
        self.swf("TerminateWorkflowExecution", domain=DOMAIN, **run)

    def test_answers_leave_out(self):
        """Answers to a task with nothing in them: no list of decisions, null, an empty one."""
        for nothing in ({}, {"decisions": None}, {"decisions": [], "executionContext": None}):
            run = self.start("bare")
            task = self.decision_task("bare")
            self.swf("RespondDecisionTaskCompleted", taskToken=task["taskToken"], **nothing)
            self.assertEqual(self.history(run)[-1]["eventType"], "DecisionTaskCompleted")
            self.swf("TerminateWorkflowExecution", domain=DOMAIN, **run)


class OldSigners(Case):
    """A signer of 2016 sends the hash of the body in a header that it does not sign. The
    header says nothing: the signature is over the body itself, or it is none."""

    EMPTY = sha256(b"")

    def asks(self, **changes):
        return Client(**changes)("ListDomains", registrationStatus="REGISTERED")

    def refused(self, kind="InvalidSignatureException", **changes):
        with self.assertRaises(Fault) as caught:
            self.asks(**changes)
        self.assertEqual((caught.exception.status, caught.exception.kind), (400, kind), caught.exception.body)

    def test_unsigned_hash(self):
        want = self.asks()
        self.assertIn(DOMAIN, [d["name"] for d in want["domainInfos"]])
        for sent in (lambda body: sha256(body), lambda body: self.EMPTY, lambda body: "0" * 64, lambda body: "nonsense", lambda body: "UNSIGNED-PAYLOAD"):
            self.assertEqual(self.asks(unsigned=lambda body, sent=sent: {"X-Amz-Content-Sha256": sent(body)}), want)

    def test_unsigned_hash_is_not_believed(self):
        """A body that was exchanged is refused, whatever the header claims of it."""
        other = b'{"registrationStatus": "DEPRECATED"}'
        true = json.dumps({"registrationStatus": "REGISTERED"}).encode()
        for claim in (None, sha256(other), sha256(true), self.EMPTY, "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
            client = Client(unsigned=lambda body: {"X-Amz-Content-Sha256": claim} if claim else {})
            with self.subTest(claim=claim), self.assertRaises(Fault) as caught:
                client("ListDomains", body_sent=other, registrationStatus="REGISTERED")
            self.assertEqual(caught.exception.kind, "InvalidSignatureException")
        # So is a signature over what the header claims, and not over the body.
        for claim in (self.EMPTY, "UNSIGNED-PAYLOAD", "nonsense"):
            self.refused(claimed_hash=claim, unsigned=lambda body: {"X-Amz-Content-Sha256": claim})
            self.refused(claimed_hash=claim, signed={"X-Amz-Content-Sha256": claim})

    def test_signed_hash(self):
        body = json.dumps({"registrationStatus": "REGISTERED"}).encode()
        self.assertEqual(self.asks(signed={"X-Amz-Content-Sha256": sha256(body)}), self.asks())
        self.refused(signed={"X-Amz-Content-Sha256": self.EMPTY})

    def test_targets_and_types(self):
        want = self.asks()
        for prefix in ("SimpleWorkflowService.", "com.amazonaws.swf.service.model.SimpleWorkflowService."):
            for kind in ("application/json", "application/json; charset=UTF-8", "application/x-amz-json-1.0"):
                for headers in ({"Content-Type": kind}, {"Content-Type": kind, "Content-Encoding": "amz-1.0"}):
                    self.assertEqual(self.asks(prefix=prefix, headers=headers), want)


if __name__ == "__main__":
    unittest.main()
