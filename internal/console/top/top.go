// Package top is the screen of heddle top: task lists as they are now, one of them with its
// pollers and its oldest tasks, and the execution of a task. What is shown comes from a
// Source, and how it is written from package terminal.
package top

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"heddle/internal/console/terminal"
	"heddle/internal/operator/wire"
)

// Source is where facts come from.
type Source struct {
	Look func(ctx context.Context) (*terminal.Overview, error)
	List func(ctx context.Context, l *wire.TaskListSummary) (*wire.DescribeTaskListOutput, error)
	// Show writes an execution in a style.
	Show func(ctx context.Context, e *wire.ExecutionRef, style terminal.Style) (string, error)
}

// Run shows the screen until whoever looks leaves it, or the context ends. Facts are asked for
// anew so often.
func Run(ctx context.Context, s Source, style terminal.Style, every time.Duration, more ...tea.ProgramOption) error {
	_, err := tea.NewProgram(newModel(ctx, s, style, every), append([]tea.ProgramOption{tea.WithContext(ctx)}, more...)...).Run()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// model implements tea.Model.
type model struct {
	ctx    context.Context
	source Source
	style  terminal.Style
	every  time.Duration

	now    *terminal.Overview // nil: nothing is known yet
	err    error              // of the last question
	order  terminal.Order
	filter string
	typing bool // of the filter
	list   cursor

	of    *wire.TaskListSummary // the list that is looked at; nil: all are
	one   *wire.DescribeTaskListOutput
	task  cursor
	run   *wire.ExecutionRef // the execution that is looked at; nil: none is
	shown string
	asked int // counts questions, so that no answer to an earlier one is shown
}

// cursor is which of some rows is chosen.
type cursor int

func (c *cursor) move(by, rows int) { *c = cursor(min(max(0, int(*c)+by), max(0, rows-1))) }

func newModel(ctx context.Context, s Source, style terminal.Style, every time.Duration) *model {
	return &model{ctx: ctx, source: s, style: style, every: every}
}

// Messages.
type (
	answer struct {
		asked int
		now   *terminal.Overview
		one   *wire.DescribeTaskListOutput
		shown string
		err   error
	}
	again struct{ asked int }
)

// Init implements tea.Model.
func (m *model) Init() tea.Cmd { return m.ask() }

// ask asks for what is looked at.
func (m *model) ask() tea.Cmd {
	m.asked++
	a, of, run, style := answer{asked: m.asked}, m.of, m.run, m.style
	return func() tea.Msg {
		switch {
		case run != nil:
			a.shown, a.err = m.source.Show(m.ctx, run, style)
		case of != nil:
			a.one, a.err = m.source.List(m.ctx, of)
		default:
			a.now, a.err = m.source.Look(m.ctx)
		}
		return a
	}
}

// Update implements tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.style.Width, m.style.Height = max(60, msg.Width), msg.Height
	case again:
		if msg.asked == m.asked {
			return m, m.ask()
		}
	case answer:
		if msg.asked != m.asked {
			return m, nil
		}
		m.take(msg)
		asked := m.asked
		return m, tea.Tick(m.every, func(time.Time) tea.Msg { return again{asked} })
	case tea.KeyPressMsg:
		return m.key(msg.String())
	}
	return m, nil
}

func (m *model) take(a answer) {
	if m.err = a.err; a.err != nil {
		return // what was known stays
	}
	switch {
	case m.run != nil:
		m.shown = a.shown
	case m.of != nil:
		m.one = a.one
		m.task.move(0, len(m.tasks()))
	default:
		m.now = a.now
		m.list.move(0, len(m.lists()))
	}
}

// lists are those that are shown, in order.
func (m *model) lists() []wire.TaskListSummary {
	if m.now == nil {
		return nil
	}
	all := terminal.Filter(m.now.Lists, m.filter)
	terminal.Sort(all, m.order)
	return all
}

func (m *model) tasks() []wire.TaskOfList {
	if m.one == nil {
		return nil
	}
	return m.one.OldestTasks
}

func (m *model) key(key string) (tea.Model, tea.Cmd) {
	if key == "ctrl+c" {
		return m, tea.Quit
	}
	if m.typing {
		switch {
		case key == "enter" || key == "esc":
			m.typing = false
		case key == "backspace":
			if r := []rune(m.filter); len(r) > 0 {
				m.filter = string(r[:len(r)-1])
			}
		case key == "space":
			m.filter += " "
		case len([]rune(key)) == 1:
			m.filter += key
		}
		m.list.move(0, len(m.lists()))
		return m, nil
	}
	switch key {
	case "q":
		return m, tea.Quit
	case "up", "k":
		m.move(-1)
	case "down", "j":
		m.move(1)
	case "pgup":
		m.move(-10)
	case "pgdown":
		m.move(10)
	case "enter":
		return m.open()
	case "esc", "backspace", "left", "h":
		return m.back()
	case "s":
		m.order = m.order.Next()
	case "/":
		m.typing = m.of == nil
	}
	return m, nil
}

func (m *model) move(by int) {
	switch {
	case m.run != nil:
	case m.of != nil:
		m.task.move(by, len(m.tasks()))
	default:
		m.list.move(by, len(m.lists()))
	}
}

// open looks at what is chosen.
func (m *model) open() (tea.Model, tea.Cmd) {
	lists, tasks := m.lists(), m.tasks()
	switch {
	case m.run != nil:
		return m, nil
	case m.of != nil:
		if int(m.task) >= len(tasks) || tasks[m.task].Execution == nil {
			return m, nil
		}
		m.run, m.shown = tasks[m.task].Execution, ""
	case int(m.list) < len(lists):
		m.of, m.one, m.task = &lists[m.list], nil, 0
	default:
		return m, nil
	}
	m.err = nil
	return m, m.ask()
}

// back looks at what was looked at before.
func (m *model) back() (tea.Model, tea.Cmd) {
	switch {
	case m.run != nil:
		m.run = nil
	case m.of != nil:
		m.of = nil
	default:
		m.filter = ""
	}
	m.err = nil
	return m, m.ask()
}

// View implements tea.Model.
func (m *model) View() tea.View {
	v := tea.NewView(m.text())
	v.AltScreen = true
	return v
}

// text is the screen.
func (m *model) text() string {
	var head, body []string
	chosen, keys := -1, ""
	switch {
	case m.run != nil:
		head, keys = strings.Split(strings.TrimSuffix(m.shown, "\n"), "\n"), "esc back  q quit"
	case m.of != nil:
		head, body, chosen = m.oneText()
		keys = "↑↓ choose  enter execution  esc back  q quit"
	case m.now == nil:
		head, keys = []string{"asking the server…"}, "q quit"
	default:
		head = append(terminal.TopHead(m.now, m.style), "")
		head, body = m.rows(head, m.lists())
		chosen = int(m.list)
		keys = fmt.Sprintf("↑↓ choose  enter list  s sort: %s  / filter: %s  q quit", m.order, m.filter)
		if m.typing {
			keys = "filter: " + m.filter + "█  enter done"
		}
	}
	foot := []string{m.style.Dim(keys)}
	if m.err != nil {
		foot = append([]string{m.style.Bad("! " + m.err.Error())}, foot...)
	}
	return strings.Join(m.fit(head, body, chosen, foot), "\n")
}

// rows writes task lists: what stands above them joins the head.
func (m *model) rows(head []string, lists []wire.TaskListSummary) (all, body []string) {
	lines := m.written(func(b *bytes.Buffer) error { return terminal.Lists(b, lists, m.now.Now, m.style) })
	if len(lists) == 0 {
		return append(head, lines...), nil
	}
	return append(head, "  "+lines[0]), lines[1:]
}

// oneText writes the list that is looked at; its oldest tasks are to be chosen from.
func (m *model) oneText() (head, body []string, chosen int) {
	if m.one == nil {
		return []string{"asking the server…"}, nil, -1
	}
	lines := m.written(func(b *bytes.Buffer) error { return terminal.List(b, m.one, m.style) })
	at := max(0, len(lines)-len(m.tasks()))
	if len(m.tasks()) > 0 {
		lines[at-1] = "  " + lines[at-1]
	}
	return lines[:at], lines[at:], int(m.task)
}

func (m *model) written(write func(*bytes.Buffer) error) []string {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return []string{err.Error()} // there is none: it is memory
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// fit makes a screen of its parts: of the body as much as there is room for, with what is
// chosen in it.
func (m *model) fit(head, body []string, chosen int, foot []string) []string {
	room := m.style.Height
	if room <= 0 {
		room = len(head) + len(body) + len(foot)
	}
	head = head[:min(len(head), max(0, room-len(foot)))]
	rows := max(0, room-len(head)-len(foot))
	from := 0
	if len(body) > rows {
		from = min(max(0, chosen-rows/2), len(body)-rows)
	}
	lines := append([]string{}, head...)
	for i := from; i < min(len(body), from+rows); i++ {
		mark := "  "
		if i == chosen {
			mark = "> "
		}
		lines = append(lines, mark+body[i])
	}
	for len(lines) < room-len(foot) {
		lines = append(lines, "")
	}
	return append(lines, foot...)
}
