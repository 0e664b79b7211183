package sim

import (
	"fmt"
	"slices"
	"strings"

	"heddle/internal/engine"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/wire"
)

// Names that the simulation uses. Few, so that callers meet.
const (
	domainKeep = "keep" // keeps closed executions for keptFor
	domainDrop = "drop" // keeps none
	signal     = "s"

	keptFor = engine.Time(24 * 3600_000)
)

var (
	domains     = []string{domainKeep, domainKeep, domainKeep, domainDrop}
	workflowIDs = []string{"a", "b", "c", "d", "e"}
	lists       = []string{"list1", "list2"}
	policies    = []string{wire.ChildPolicyTerminate, wire.ChildPolicyRequestCancel, wire.ChildPolicyAbandon}
)

// whole says that a type has all defaults, bare that it has none; old is
// deprecated, and none does not exist.
const (
	whole = "whole"
	bare  = "bare"
	old   = "old"
	none  = "none"
)

func ptr[T any](v T) *T { return &v }

func (w *world) one(of ...string) string { return of[w.random.IntN(len(of))] }

// maybe gives one of the values, or nothing.
func (w *world) maybe(of ...string) *string {
	if w.random.IntN(2) == 0 {
		return nil
	}
	return ptr(w.one(of...))
}

func (w *world) chance(n int) bool { return w.random.IntN(n) == 0 }

func (w *world) typeName() string {
	if w.chance(5) {
		return w.one(bare, old, none)
	}
	return whole
}

// someList gives the domain and the name of a task list: often of one where tasks of
// a kind wait.
func (w *world) someList(kind string) (domain, list string) {
	if w.harness != nil && w.random.IntN(4) > 0 {
		var waiting []string
		for _, o := range w.harness.offers.open {
			if strings.HasPrefix(o.List, kind+"\x00") && !slices.Contains(waiting, o.List) {
				waiting = append(waiting, o.List)
			}
		}
		if len(waiting) > 0 {
			slices.Sort(waiting)
			parts := strings.Split(w.one(waiting...), "\x00") // kind, account, region, domain, name
			return parts[3], parts[4]
		}
	}
	return w.one(domains...), w.one(lists...)
}

// someExecution gives the domain and workflowId of an execution: often of an open one.
func (w *world) someExecution() (domain, id string) {
	if w.chance(2) {
		var open []*life
		for _, l := range w.judge.order {
			if l.history != nil && !l.closed {
				open = append(open, l)
			}
		}
		if len(open) > 0 {
			l := open[w.random.IntN(len(open))]
			return l.domain, l.workflowID
		}
	}
	return w.one(domains...), w.one(workflowIDs...)
}

// text is a mark, in some worlds with much behind it.
func (w *world) text(mark string) *string {
	if w.large && w.chance(3) {
		mark += strings.Repeat("x", 1000+w.random.IntN(12000))
	}
	return &mark
}

const yearSeconds = "31536000"

// executionTimeout is short at times; otherwise nobody lives to see it.
func (w *world) executionTimeout() string {
	return w.one("5", "20", yearSeconds, yearSeconds, yearSeconds)
}

// registerAll registers domains and types.
func (c *client) registerAll() {
	must := func(name string, in encoder) {
		for !c.w.ending {
			if o := c.call(name, in, nil); o.known {
				return // a second try finds what the first one made
			}
			c.w.sleep(c.t, 100)
		}
	}
	for _, d := range []struct{ name, retention string }{{domainKeep, "1"}, {domainDrop, "NONE"}} {
		must("RegisterDomain", &wire.RegisterDomainInput{Name: d.name, WorkflowExecutionRetentionPeriodInDays: d.retention})
		for _, name := range []string{whole, old} {
			must("RegisterWorkflowType", &wire.RegisterWorkflowTypeInput{
				Domain: d.name, Name: name, Version: "1", DefaultChildPolicy: ptr(wire.ChildPolicyTerminate),
				DefaultExecutionStartToCloseTimeout: ptr(yearSeconds), DefaultTaskStartToCloseTimeout: ptr("10"),
				DefaultTaskList: &wire.TaskList{Name: lists[0]}, DefaultLambdaRole: ptr("arn:aws:iam::123456789012:role/r"),
			})
			must("RegisterActivityType", &wire.RegisterActivityTypeInput{
				Domain: d.name, Name: name, Version: "1", DefaultTaskList: &wire.TaskList{Name: lists[0]},
				DefaultTaskHeartbeatTimeout: ptr("NONE"), DefaultTaskScheduleToStartTimeout: ptr("NONE"),
				DefaultTaskScheduleToCloseTimeout: ptr("60"), DefaultTaskStartToCloseTimeout: ptr("20"),
			})
		}
		must("RegisterWorkflowType", &wire.RegisterWorkflowTypeInput{Domain: d.name, Name: bare, Version: "1"})
		must("RegisterActivityType", &wire.RegisterActivityTypeInput{Domain: d.name, Name: bare, Version: "1"})
		must("DeprecateWorkflowType", &wire.DeprecateWorkflowTypeInput{Domain: d.name, WorkflowType: wire.WorkflowType{Name: old, Version: "1"}})
		must("DeprecateActivityType", &wire.DeprecateActivityTypeInput{Domain: d.name, ActivityType: wire.ActivityType{Name: old, Version: "1"}})
	}
}

// startCallers starts all clients, deciders and workers.
func (w *world) startCallers() {
	switch {
	case w.machines != nil:
		w.startMachineCallers()
		return
	case w.exchange != nil:
		w.startExchangeCallers()
		return
	}
	for i := range 2 + w.random.IntN(2) {
		w.callers++
		w.spawn(fmt.Sprintf("caller%d", i), func(t *thread) {
			(&client{w, t}).operate()
			w.callers--
		})
	}
	for i := range 2 + w.random.IntN(3) {
		w.spawn(fmt.Sprintf("decider%d", i), func(t *thread) { (&client{w, t}).decideAll(fmt.Sprintf("d%d", i)) })
	}
	for i := range 1 + w.random.IntN(3) {
		w.spawn(fmt.Sprintf("worker%d", i), func(t *thread) { (&client{w, t}).workAll(fmt.Sprintf("w%d", i)) })
	}
	w.spawn("clerk", func(t *thread) { (&client{w, t}).changeTypes() })
}

// operate is the life of a caller: starts, signals, terminations and looks.
func (c *client) operate() {
	w := c.w
	for !w.ending && !w.draining {
		w.sleep(c.t, engine.Time(w.random.IntN(int(w.busyness))))
		d, id := w.someExecution()
		mark := w.judge.mark()
		switch n := w.random.IntN(20); {
		case n < 7:
			c.start(w.one(domains...), w.one(workflowIDs...), mark)
		case n < 11:
			c.write("SignalWorkflowExecution", &wire.SignalWorkflowExecutionInput{
				Domain: d, WorkflowID: id, RunID: c.maybeRun(d, id), SignalName: signal, Input: w.text(mark),
			}, nil, mark)
		case n < 12:
			c.call("RequestCancelWorkflowExecution", &wire.RequestCancelWorkflowExecutionInput{Domain: d, WorkflowID: id, RunID: c.maybeRun(d, id)}, nil)
		case n < 13:
			c.write("TerminateWorkflowExecution", &wire.TerminateWorkflowExecutionInput{
				Domain: d, WorkflowID: id, RunID: c.maybeRun(d, id), Details: w.text(mark), ChildPolicy: w.maybe(policies...),
			}, nil, mark)
		default:
			c.read(d, id)
		}
	}
}

func (c *client) start(d, id, mark string) {
	w := c.w
	in := &wire.StartWorkflowExecutionInput{
		Domain: d, WorkflowID: id, WorkflowType: wire.WorkflowType{Name: w.typeName(), Version: "1"}, Input: w.text(mark),
		ChildPolicy: w.maybe(policies...), TaskPriority: w.maybe("-3", "9"),
	}
	if w.chance(3) {
		in.ExecutionStartToCloseTimeout = ptr(w.executionTimeout())
		in.TaskStartToCloseTimeout = ptr(w.one("2", "10", "30"))
		in.TaskList = &wire.TaskList{Name: w.one(lists...)}
		in.ChildPolicy = ptr(w.one(policies...))
	}
	for range w.random.IntN(3) {
		in.TagList = append(in.TagList, w.one("red", "blue"))
	}
	if w.chance(10) {
		in.LambdaRole = ptr("arn:aws:iam::123456789012:role/other")
	}
	var run wire.Run
	if c.write("StartWorkflowExecution", in, &run, mark).ok() {
		id, ok := execution.ParseRun(*run.RunID)
		if !ok {
			w.judge.fail("a start gave run %q", *run.RunID)
		}
		w.judge.settled(func() {
			if w.judge.lives[id] == nil && !(d == domainDrop) {
				w.judge.fail("the start of run %s was acknowledged, and it is nowhere", id)
			}
		})
	}
}

// maybeRun gives the run of a name, or of another, or none.
func (c *client) maybeRun(d, id string) *string {
	w := c.w
	if !w.chance(3) || len(w.judge.order) == 0 {
		return nil
	}
	l := w.judge.order[w.random.IntN(len(w.judge.order))]
	if l.domain != d || l.workflowID != id {
		return nil
	}
	return ptr(execution.FormatRun(l.Run))
}

// changeTypes deprecates and restores types and domains, and lists them.
func (c *client) changeTypes() {
	w := c.w
	for !w.ending && !w.draining {
		w.sleep(c.t, engine.Time(1000+w.random.IntN(20000)))
		d := w.one(domains...)
		workflow, activity := wire.WorkflowType{Name: w.one(whole, bare), Version: "1"}, wire.ActivityType{Name: w.one(whole, bare), Version: "1"}
		switch w.random.IntN(11) {
		case 10:
			t, a := wire.WorkflowType{Name: bare, Version: "1"}, wire.ActivityType{Name: bare, Version: "1"}
			c.until("DeprecateWorkflowType", &wire.DeprecateWorkflowTypeInput{Domain: d, WorkflowType: t})
			c.until("DeleteWorkflowType", &wire.DeleteWorkflowTypeInput{Domain: d, WorkflowType: t})
			c.until("RegisterWorkflowType", &wire.RegisterWorkflowTypeInput{Domain: d, Name: t.Name, Version: t.Version})
			c.until("DeprecateActivityType", &wire.DeprecateActivityTypeInput{Domain: d, ActivityType: a})
			c.until("DeleteActivityType", &wire.DeleteActivityTypeInput{Domain: d, ActivityType: a})
			c.until("RegisterActivityType", &wire.RegisterActivityTypeInput{Domain: d, Name: a.Name, Version: a.Version})
		case 0:
			c.call("DeprecateWorkflowType", &wire.DeprecateWorkflowTypeInput{Domain: d, WorkflowType: workflow}, nil)
			c.until("UndeprecateWorkflowType", &wire.UndeprecateWorkflowTypeInput{Domain: d, WorkflowType: workflow})
		case 1:
			c.call("DeprecateActivityType", &wire.DeprecateActivityTypeInput{Domain: d, ActivityType: activity}, nil)
			c.until("UndeprecateActivityType", &wire.UndeprecateActivityTypeInput{Domain: d, ActivityType: activity})
		case 2:
			c.call("DeprecateDomain", &wire.DeprecateDomainInput{Name: d}, nil)
			c.until("UndeprecateDomain", &wire.UndeprecateDomainInput{Name: d})
			for _, name := range []string{whole, bare} {
				c.until("UndeprecateWorkflowType", &wire.UndeprecateWorkflowTypeInput{Domain: d, WorkflowType: wire.WorkflowType{Name: name, Version: "1"}})
				c.until("UndeprecateActivityType", &wire.UndeprecateActivityTypeInput{Domain: d, ActivityType: wire.ActivityType{Name: name, Version: "1"}})
			}
		case 3:
			c.call("DescribeWorkflowType", &wire.DescribeWorkflowTypeInput{Domain: d, WorkflowType: workflow}, &wire.WorkflowTypeDetail{})
		case 4:
			c.call("DescribeActivityType", &wire.DescribeActivityTypeInput{Domain: d, ActivityType: activity}, &wire.ActivityTypeDetail{})
		case 5:
			c.call("ListWorkflowTypes", &wire.ListWorkflowTypesInput{Domain: d, RegistrationStatus: w.one(wire.RegistrationStatusValues...)}, &wire.WorkflowTypeInfos{})
		case 6:
			c.call("ListActivityTypes", &wire.ListActivityTypesInput{Domain: d, RegistrationStatus: w.one(wire.RegistrationStatusValues...)}, &wire.ActivityTypeInfos{})
		case 7:
			c.call("ListDomains", &wire.ListDomainsInput{RegistrationStatus: w.one(wire.RegistrationStatusValues...)}, &wire.DomainInfos{})
		case 8:
			c.call("DescribeDomain", &wire.DescribeDomainInput{Name: d}, &wire.DomainDetail{})
		case 9:
			arn := "arn:aws:swf:" + region + ":" + account + ":/domain/" + d
			c.call("TagResource", &wire.TagResourceInput{ResourceARN: arn, Tags: []wire.ResourceTag{{Key: "k", Value: ptr("v")}}}, nil)
			c.call("ListTagsForResource", &wire.ListTagsForResourceInput{ResourceARN: arn}, &wire.ListTagsForResourceOutput{})
			c.call("UntagResource", &wire.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"k"}}, nil)
		}
	}
}

// until calls until the outcome is known.
func (c *client) until(name string, in encoder) {
	for !c.w.ending {
		if c.call(name, in, nil).known {
			return
		}
		c.w.sleep(c.t, engine.Time(100+c.w.random.IntN(1000)))
	}
}

func (o outcome) refused() bool { return o.known && o.fault != "" }
