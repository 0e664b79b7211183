package top

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"heddle/internal/console/terminal"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
	"heddle/test/golden"
)

const now = engine.Time(1772366400000)

func ptr[T any](v T) *T { return &v }

func moment(t engine.Time) *wire.Timestamp { return ptr(wire.Timestamp(t)) }

// source has lists of which one has tasks.
func source() Source {
	lists := []wire.TaskListSummary{
		{Service: "swf", Kind: "activity", Domain: ptr("shop"), Name: "idle", PollsWaiting: 3, OfferedLastMinute: 9, StartedLastMinute: 9},
		{Service: "swf", Kind: "activity", Domain: ptr("shop"), Name: "mailers", Backlog: 12, OldestTimestamp: moment(now - 90_000)},
		{Service: "swf", Kind: "decision", Domain: ptr("shop"), Name: "deciders", Backlog: 40, OldestTimestamp: moment(now - 5_000), LastPollTimestamp: moment(now - 1000), OfferedLastMinute: 60, StartedLastMinute: 55},
	}
	for i := range 30 {
		lists = append(lists, wire.TaskListSummary{Service: "swf", Kind: "activity", Domain: ptr("more"), Name: fmt.Sprintf("list-%02d", i), PollsWaiting: 1})
	}
	return Source{
		Look: func(context.Context) (*terminal.Overview, error) {
			return &terminal.Overview{
				Now: now, Lists: lists, Refused: 1,
				Status:  &wire.GetServerStatusOutput{Version: "1.0", StartTimestamp: wire.Timestamp(now - 7200_000), ServerTimestamp: wire.Timestamp(now), Store: "disk", Shards: 64, DiskRoom: "enough", CommitP99Microseconds: ptr(int64(3140))},
				Targets: []wire.EventTarget{{Name: "orders", OldestTimestamp: moment(now - 2_000), Error: ptr("down"), Dead: 2}},
			}, nil
		},
		List: func(_ context.Context, l *wire.TaskListSummary) (*wire.DescribeTaskListOutput, error) {
			return &wire.DescribeTaskListOutput{TaskList: *l, ServerTimestamp: wire.Timestamp(now), OldestTasks: []wire.TaskOfList{
				{Execution: &wire.ExecutionRef{WorkflowID: ptr("order-1")}, ScheduledTimestamp: wire.Timestamp(now - 90_000)},
				{Execution: &wire.ExecutionRef{WorkflowID: ptr("order-2")}, ScheduledTimestamp: wire.Timestamp(now - 80_000)}, {ScheduledTimestamp: wire.Timestamp(now - 70_000)},
			}}, nil
		},
		Show: func(_ context.Context, e *wire.ExecutionRef, style terminal.Style) (string, error) {
			if *e.WorkflowID == "order-1" {
				return "", errors.New("it is \x1bgone")
			}
			return fmt.Sprintf("%s  OPEN, in %d columns\n", *e.WorkflowID, style.Width), nil
		},
	}
}

// do gives the model a message, and the answers to what it asks.
func do(m *model, msg tea.Msg) {
	for msg != nil {
		_, cmd := m.Update(msg)
		if _, answered := msg.(answer); answered || cmd == nil {
			return // the next question comes later
		}
		msg = cmd()
	}
}

func press(m *model, keys ...string) {
	codes := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "down": tea.KeyDown, "up": tea.KeyUp, "backspace": tea.KeyBackspace, "pgdown": tea.KeyPgDown}
	for _, key := range keys {
		k := tea.KeyPressMsg{Code: codes[key]}
		if k.Code == 0 {
			k = tea.KeyPressMsg{Code: []rune(key)[0], Text: key}
		}
		do(m, k)
	}
}

// TestScreens goes through all that may be looked at, by keys.
func TestScreens(t *testing.T) {
	var b strings.Builder
	m := newModel(t.Context(), source(), terminal.Style{Width: 100}, time.Second)
	see := func(what string) {
		b.WriteString("==== " + what + "\n" + m.text() + "\n")
	}
	see("before the first answer")
	do(m, tea.WindowSizeMsg{Width: 100, Height: 14})
	do(m, m.Init()())
	see("lists")
	press(m, "down", "down", "pgdown", "j", "j")
	see("further down")
	press(m, "s", "s")
	see("by tasks that come in")
	press(m, "/", "s", "h", "o", "p", "x", "backspace")
	see("while the filter is typed")
	press(m, "enter", "up", "up", "up", "up", "down", "down", "down", "enter")
	see("a list")
	press(m, "enter")
	see("an execution that is gone")
	press(m, "esc", "down", "enter")
	see("an execution")
	press(m, "esc", "down", "enter", "esc", "s", "esc")
	see("lists again, without a filter")
	golden.Compare(t, "testdata/screens.txt", b.String())
	for i, line := range strings.Split(b.String(), "\n") {
		if strings.ContainsRune(line, '\x1b') {
			t.Errorf("line %d has what a terminal would obey: %q", i+1, line)
		}
	}
}

// TestLateAnswer: one to an earlier question is not shown.
func TestLateAnswer(t *testing.T) {
	m := newModel(t.Context(), source(), terminal.Style{Width: 100}, time.Second)
	do(m, m.Init()())
	late := m.ask()
	_, cmd := m.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	do(m, late())
	if m.one != nil || m.of == nil {
		t.Error("a late answer is shown")
	}
	if do(m, cmd()); m.one == nil {
		t.Error("the answer is not shown")
	}
	if _, cmd := m.Update(again{m.asked - 1}); cmd != nil {
		t.Error("it asks twice")
	}
	if _, cmd := m.Update(again{m.asked}); cmd == nil {
		t.Error("it does not ask anew")
	}
}

// TestRun runs the program itself until q.
func TestRun(t *testing.T) {
	in, keys := io.Pipe()
	looked := make(chan struct{})
	s := source()
	look := s.Look
	first := true
	s.Look = func(ctx context.Context) (*terminal.Overview, error) {
		if first {
			first = false
			close(looked)
		}
		return look(ctx)
	}
	go func() {
		<-looked
		_, _ = io.WriteString(keys, "q")
	}()
	var out bytes.Buffer
	if err := Run(t.Context(), s, terminal.Style{Width: 100}, time.Hour, tea.WithInput(in), tea.WithOutput(&out), tea.WithWindowSize(100, 20)); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	end()
	if err := Run(ctx, source(), terminal.Style{Width: 100}, time.Hour, tea.WithInput(nil), tea.WithOutput(&out), tea.WithWindowSize(100, 20)); err != nil {
		t.Errorf("who is interrupted ends with %v", err)
	}
}
