"""heddle replay with boto3's deciders: the one of examples/order-boto3 passes over the
histories that it has made, and one in which two decisions are swapped is found out.

The endpoint, the region and the key come from the environment, as does HEDDLE_BINARY;
compat/run sets them.
"""

import datetime
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "order-boto3"
sys.path.insert(0, str(EXAMPLE))
import order  # noqa: E402

DECIDER = "import sys; sys.path.insert(0, {!r}); import order; {}; order.run_decider(order.new_client())"
SWAPPED = """
decide = order.decide
def swapped(history):
    decisions = decide(history)
    for d in decisions:
        if d["decisionType"] == "ScheduleActivityTask" and d["scheduleActivityTaskDecisionAttributes"]["activityType"]["name"] == "ShipOrder":
            d["scheduleActivityTaskDecisionAttributes"]["activityType"]["name"] = "RecordCompletion"
    return decisions[::-1]
order.decide = swapped
"""


def written(value):
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)  # as the AWS CLI does


class Replay(unittest.TestCase):
    def replay(self, *arguments, change="0"):
        code = DECIDER.format(str(EXAMPLE), "exec(" + repr(change) + ")")
        return subprocess.run(
            [os.environ["HEDDLE_BINARY"], "replay", *arguments, "--", sys.executable, "-B", "-c", code], capture_output=True, text=True, timeout=120
        )

    def test_order(self):
        swf = order.new_client()
        for way in [], ["--signal"], ["--cancel"], ["--decline"]:
            subprocess.run([sys.executable, "-B", str(EXAMPLE / "order.py"), *way], check=True, stdout=subprocess.DEVNULL)
        closed = swf.list_closed_workflow_executions(domain=order.DOMAIN, startTimeFilter={"oldestDate": 0})["executionInfos"]
        self.assertEqual(len(closed), 4)
        ships = 0
        with tempfile.TemporaryDirectory() as folder:
            for info in closed:
                history = swf.get_workflow_execution_history(domain=order.DOMAIN, execution=info["execution"])
                del history["ResponseMetadata"]
                file = Path(folder) / "order.json"
                file.write_text(json.dumps(history, default=written))
                same = self.replay(str(file))
                self.assertEqual(same.returncode, 0, same.stdout + same.stderr)
                self.assertIn("decides as was recorded: 1 histories", same.stdout)
                if not any(e.get("activityTaskScheduledEventAttributes", {}).get("activityType", {}).get("name") == "ShipOrder" for e in history["events"]):
                    continue
                ships += 1
                other = self.replay(str(file), change=SWAPPED)
                self.assertEqual(other.returncode, 1, other.stdout + other.stderr)
                self.assertRegex(other.stdout, 'recorded  ScheduleActivityTask .*"name":"ShipOrder"')
        self.assertGreaterEqual(ships, 2)


if __name__ == "__main__":
    unittest.main()
