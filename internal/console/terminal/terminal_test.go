package terminal

import (
	"strings"
	"testing"

	"heddle/internal/console/timeline"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
	"heddle/test/golden"
)

func str(s string) *string                 { return &s }
func num(n int64) *int64                   { return &n }
func at(t engine.Time) wire.Timestamp      { return wire.Timestamp(t) }
func moment(t engine.Time) *wire.Timestamp { m := at(t); return &m }

const now = engine.Time(1772366400000)

func shown() *Shown {
	s := &Shown{InspectExecutionOutput: &wire.InspectExecutionOutput{
		Service: "swf", Execution: wire.ExecutionRef{Domain: str("shop"), WorkflowID: str("order-1001"), RunID: str("22A=")}, Type: "fulfil-order 2.4", Status: "OPEN",
		StartTimestamp: at(now - 12_000), ServerTimestamp: at(now), Events: 79,
		Verdicts: []wire.Verdict{
			{Code: "NO_WORKER", Severe: true, Text: "Activity notify waits on task list mailers for 7.0 s; nobody polls it, nor has since the start.", Advice: str("Is the name right? Polled is \"mailer\" (3 polls). Else start a worker that polls \"mailers\"."), TaskList: str("mailers"), More: num(2)},
			{Code: "HELD", Text: "Activity pack is with w."},
		},
		Tasks: []wire.OpenTask{
			{Kind: "activity", Name: str("notify"), ID: str("n\x1b[31m1"), TaskList: str("mailers"), State: "waits", ScheduledTimestamp: at(now - 7_000)},
			{Kind: "activity", Name: str("pack"), TaskList: str("warehouse"), State: "held", Holder: str("w"), ScheduledTimestamp: at(now - 9_000), StartedTimestamp: moment(now - 8_000), Attempt: num(2),
				Deadlines: []wire.Deadline{{Timeout: "START_TO_CLOSE", At: at(now + 60_000)}}},
		},
		Waits: []wire.OpenWait{{Name: "late", Until: at(now + 3600_000)}}, Children: []wire.OpenChild{{Execution: wire.ExecutionRef{WorkflowID: str("ship-1")}}},
	}}
	s.Lanes = []timeline.Lane{
		{Name: "pack", Where: "warehouse", Attempts: 2, Outcome: timeline.Running, Bars: []timeline.Bar{
			{From: now - 12_000, Taken: now - 11_000, To: now - 9_000, Outcome: timeline.TimedOut}, {From: now - 9_000, Taken: now - 8_000, To: now, Outcome: timeline.Running}}},
		{Name: "notify", Where: "mailers", Attempts: 1, Outcome: timeline.Waits, Bars: []timeline.Bar{{From: now - 7_000, To: now, Outcome: timeline.Waits}}},
	}
	s.History = [][]string{{"event", "time", "", "type", "what"}, {"1", "2026-03-01 11:59:48 UTC", "", "WorkflowExecutionStarted", "list \x07deciders"}}
	return s
}

// TestTexts writes what is shown, which is read when it changes.
func TestTexts(t *testing.T) {
	var b strings.Builder
	write := func(what string, err error) {
		if err != nil {
			t.Error(err)
		}
		b.WriteString("==== " + what + "\n")
	}
	write("show", Show(&b, shown(), Style{Width: 100}))
	write("show, narrow and plain", Show(&b, shown(), Style{Width: 70, Plain: true}))
	write("show, in colour", Show(&b, shown(), Style{Width: 100, Colour: true}))
	lists := []wire.TaskListSummary{
		{Service: "swf", Kind: "activity", Domain: str("shop"), Name: "mailers", Backlog: 12, OldestTimestamp: moment(now - 7_000)},
		{Service: "swf", Kind: "decision", Domain: str("shop"), Name: "deciders", PollsWaiting: 3, LastPollTimestamp: moment(now), OfferedLastMinute: 5, StartedLastMinute: 5},
		{Service: "states", Kind: "activity", Name: "arn:aws:states:us-east-1:123456789012:activity:charge", LastPollTimestamp: moment(now - 300_000)},
	}
	write("lists", Lists(&b, lists, now, Style{Width: 100}))
	write("no lists", Lists(&b, nil, now, Style{Width: 100}))
	write("a list", List(&b, &wire.DescribeTaskListOutput{
		TaskList: lists[0], ServerTimestamp: at(now), Priorities: []wire.PriorityCount{{Priority: 5, Tasks: 2}, {Priority: 0, Tasks: 10}},
		Pollers: []wire.Poller{
			{Identity: str("w1"), Principal: str("arn:aws:iam::123456789012:user/w"), Address: str("10.0.0.7"), PollsWaiting: 2, LastPollTimestamp: at(now)},
			{Principal: str("arn:aws:iam::123456789012:user/w"), LastPollTimestamp: at(now - 60_000), LastTaskTimestamp: moment(now - 61_000), LastTask: &wire.TaskOfList{Execution: &wire.ExecutionRef{WorkflowID: str("order-7")}}},
		},
		OldestTasks: []wire.TaskOfList{{Execution: &wire.ExecutionRef{WorkflowID: str("order-1001")}, ScheduledTimestamp: at(now - 7_000)}, {ScheduledTimestamp: at(now - 6_000)}},
	}, Style{Width: 100}))
	free := int64(1 << 30)
	targets := []wire.EventTarget{
		{Name: "log", Kind: "file", Sent: 120, SentTimestamp: moment(now - 2_000)},
		{Name: "orders", Kind: "webhook", Backlog: 12, BacklogBytes: 12_600, OldestTimestamp: moment(now - 65_000), Error: str("the webhook\x1b answered 503"), FailingSinceTimestamp: moment(now - 60_000), Dead: 2, SendingAgain: 1},
		{Name: "late", Kind: "sqs", Lost: 7},
	}
	write("targets of events", Targets(&b, targets, now, Style{Width: 100}))
	write("no targets of events", Targets(&b, nil, now, Style{Width: 100}))
	write("a target", Target(&b, &wire.DescribeEventTargetOutput{
		EventTarget: targets[1], ServerTimestamp: at(now), DeadEvents: []wire.DeadEvent{{Timestamp: at(now - 3600_000), Error: "the webhook answered 400 Bad Request", Event: `{"version":"0","id":"2f3c","detail-type":"Simple Workflow Execution State Change"}`}},
	}, Style{Width: 100}))
	used := &wire.GetDiskUsageOutput{
		Uses: []wire.DiskUse{{Name: "store", Bytes: 3 << 20, Files: 7, Explanation: "executions, histories, index"}, {Name: "blobs", Explanation: "what is too large for histories"}}, FreeBytes: &free, TotalBytes: &free,
		Archive: &wire.ArchiveStatus{Location: "s3://histories/heddle", Executions: 120, Bytes: 4 << 20, TriedTimestamp: moment(now - 5_000)},
	}
	write("what is on the disk", DiskUsage(&b, used, now, Style{Width: 100}))
	used.Archive.FailingSinceTimestamp, used.Archive.Error = moment(now-600_000), str("write to the archive: 403\x1b AccessDenied")
	write("an archive that fails", DiskUsage(&b, used, now, Style{Width: 100}))
	used.Archive.OldestTimestamp = moment(now - 500_000)
	write("an archive that is waited for", DiskUsage(&b, used, now, Style{Width: 100}))
	golden.Compare(t, "testdata/texts.txt", b.String())
	// The terminal obeys nobody whose text is shown.
	plain := strings.NewReplacer(bad, "", dim, "", "\x1b[0m", "").Replace(b.String())
	if strings.ContainsAny(plain, "\x1b\x07") {
		t.Error("a control character of a user's is written")
	}
}
