package sim

import (
	"heddle/internal/engine"
	"heddle/internal/service/tasks"
	"heddle/internal/swf/wire"
)

// workAll is the life of a worker of activities.
func (c *client) workAll(identity string) {
	w := c.w
	for !w.ending {
		w.sleep(c.t, engine.Time(w.random.IntN(500)))
		var task wire.ActivityTask
		d, list := w.someList("activity")
		o := c.call("PollForActivityTask", &wire.PollForActivityTaskInput{Domain: d, TaskList: wire.TaskList{Name: list}, Identity: &identity}, &task)
		if !o.ok() || task.TaskToken == "" {
			c.rest(o)
			continue
		}
		opened, err := tasks.OpenToken(w.tokens, "swf.activity", here, task.TaskToken)
		if err != nil {
			w.judge.fail("PollForActivityTask gave token %q: %v", task.TaskToken, err)
			continue
		}
		w.judge.got(opened, o.disruptions)
		if w.strikes(lostWorker) {
			continue
		}
		c.work(task.TaskToken)
	}
}

// rest is the pause of a poller whose server does not answer.
func (c *client) rest(o outcome) {
	if !o.known {
		c.w.sleep(c.t, engine.Time(500+c.w.random.IntN(2000)))
	}
}

func (c *client) work(token string) {
	w := c.w
	for !w.draining && w.chance(2) {
		w.sleep(c.t, engine.Time(w.random.IntN(3000)))
		var status wire.ActivityTaskStatus
		o := c.call("RecordActivityTaskHeartbeat", &wire.RecordActivityTaskHeartbeatInput{TaskToken: token, Details: w.maybe("beat")}, &status)
		if o.refused() {
			return
		}
	}
	w.sleep(c.t, engine.Time(w.random.IntN(3000)))
	mark := w.judge.mark()
	switch w.random.IntN(6) {
	case 0:
		c.write("RespondActivityTaskFailed", &wire.RespondActivityTaskFailedInput{TaskToken: token, Reason: w.maybe("r"), Details: w.text(mark)}, nil, mark)
	case 1:
		c.write("RespondActivityTaskCanceled", &wire.RespondActivityTaskCanceledInput{TaskToken: token, Details: w.text(mark)}, nil, mark)
	default:
		c.write("RespondActivityTaskCompleted", &wire.RespondActivityTaskCompletedInput{TaskToken: token, Result: w.text(mark)}, nil, mark)
	}
}
