package execution

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"heddle/internal/aws/eventbridge"
	"heddle/internal/engine"
	"heddle/internal/sfn/registry"
	"heddle/internal/tracing"
)

const testGroup = "arn:aws:logs:us-east-1:123456789012:log-group:/states/all:*"

// logging has machines that are logged, and traced.
func (h *harness) logging(level string, data bool) {
	h.notify = engine.NotifyLogs | engine.NotifySpans
	h.kept = registry.Revision{Logging: registry.Logging{Level: level, Data: data, Destinations: []string{testGroup}, Listed: true}, Tracing: true}
}

// told are the details of what was told of a run, as events of a type.
func (r *harnessRun) told(of string) (all []string) {
	for _, n := range r.notifications {
		if _, is := eventbridge.Head(n.Body); is == of {
			all = append(all, string(eventbridge.Detail(n.Body)))
		}
	}
	return all
}

type testRecord struct {
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	Details   json.RawMessage `json:"details"`
	Previous  string          `json:"previous_event_id"`
	At        string          `json:"event_timestamp"`
	Execution string          `json:"execution_arn"`
	Redrives  string          `json:"redrive_count"`
}

func readRecord(t *testing.T, text string) (r testRecord) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	if d.DisallowUnknownFields(); d.Decode(&r) != nil {
		t.Fatalf("no record: %s", text)
	}
	return r
}

// TestEachEventIsLogged: of machines made at random each event has a record, in order, that
// says what the history says of it.
func TestEachEventIsLogged(t *testing.T) {
	records := 0
	for seed := range int64(50) {
		r := newRandomLife(t, seed, seed%2 == 0)
		r.logging(logAll, true)
		r.live()
		run := r.order[0]
		all := run.told(eventbridge.TypeLog)
		records += len(all)
		if len(all) != len(run.events) {
			t.Fatalf("seed %d: %d records of %d events", seed, len(all), len(run.events))
		}
		for i, text := range all {
			got, e := readRecord(t, text), run.events[i]
			body := e.Body.(*Body)
			want := testRecord{
				ID: strconv.FormatInt(e.ID, 10), Type: string(body.Type), Details: got.Details, Previous: strconv.FormatInt(body.Previous, 10),
				At: strconv.FormatInt(int64(e.At), 10), Execution: run.state.(*State).arn(), Redrives: got.Redrives,
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("seed %d: logged %+v\nwant %+v", seed, got, want)
			}
			details := "{}"
			if name := shapes[body.Type].details; name != "" {
				var wire map[string]json.RawMessage
				if err := json.Unmarshal(e.Public, &wire); err != nil {
					t.Fatal(err)
				}
				details = string(wire[name])
			}
			if string(got.Details) != details {
				t.Errorf("seed %d: of event %d is logged %s, and its history says %s", seed, e.ID, got.Details, details)
			}
		}
	}
	if records < 500 {
		t.Errorf("%d records show little", records)
	}
}

// TestLevels: what is logged at each level, with and without execution data.
func TestLevels(t *testing.T) {
	const definition = `{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"v":"secret"},"Next":"F"},"F":{"Type":"Fail","Error":"E","Cause":"C"}}}`
	for _, c := range []struct {
		level string
		types string
	}{
		{logAll, "ExecutionStarted PassStateEntered PassStateExited FailStateEntered ExecutionFailed"},
		{logError, "FailStateEntered ExecutionFailed"},
		{logFatal, "ExecutionFailed"},
		{"OFF", ""},
	} {
		for _, data := range []bool{true, false} {
			h := newHarness(t, DefaultLimits())
			h.logging(c.level, data)
			run := h.begin("m", "e", definition, `{"a":"secret"}`, nil)
			var types []string
			all := run.told(eventbridge.TypeLog)
			for _, text := range all {
				types = append(types, readRecord(t, text).Type)
			}
			if got := strings.Join(types, " "); got != c.types {
				t.Errorf("at %s are logged %s, want %s", c.level, got, c.types)
			}
			text := strings.Join(all, "\n")
			if shows := strings.Contains(text, "secret"); shows != (data && c.level != logFatal && c.level != "OFF") {
				t.Errorf("at %s, with data %t, is logged %s", c.level, data, text)
			}
			if c.types != "" && !strings.Contains(text, `"details":{"error":"E","cause":"C"}`) {
				t.Errorf("error and cause are not in %s", text)
			}
		}
	}
}

// TestSealedIsNotLogged: of an execution with a key nothing is logged that its users gave.
func TestSealedIsNotLogged(t *testing.T) {
	h := newHarness(t, DefaultLimits())
	h.logging(logAll, true)
	h.key = registry.Encryption{Key: "alias/mine", ReuseSeconds: 300}
	run := h.begin("m", "e", `{"StartAt":"F","States":{"F":{"Type":"Fail","ErrorPath":"$","CausePath":"$"}}}`, `"secret"`, nil)
	if len(run.told(eventbridge.TypeLog)) != len(run.events) || len(run.told(eventbridge.TypeSpans)) == 0 {
		t.Fatal("nothing is told")
	}
	for _, n := range run.notifications {
		if strings.Contains(string(n.Body), "secret") || strings.Contains(string(n.Body), `\u0001`) {
			t.Errorf("it says %s", n.Body)
		}
	}
}

// TestLargeRecordsAreCut: a record stays as large as CloudWatch Logs takes, whatever is in it,
// and says that it is cut.
func TestLargeRecordsAreCut(t *testing.T) {
	for what, input := range map[string]string{
		"controls": `"` + strings.Repeat(`\u0001`, dataBytesMax/6-1) + `"`, "letters": `"` + strings.Repeat("ä", dataBytesMax/2-1) + `"`,
	} {
		h := newHarness(t, DefaultLimits())
		h.logging(logAll, true)
		run := h.begin("m", "e", `{"StartAt":"P","States":{"P":{"Type":"Pass","Assign":{"a.$":"$"},"End":true}}}`, input, nil)
		for _, text := range run.told(eventbridge.TypeLog) {
			if len(text) > 256<<10 || len(text) < 240<<10 {
				t.Errorf("%s: a record of %d bytes", what, len(text))
			}
			if r := readRecord(t, text); !strings.Contains(string(r.Details), `{"truncated":true}`) || strings.Contains(string(r.Details), "\ufffd") {
				t.Errorf("%s: %s is not cut, or within a character", what, r.Type)
			}
		}
	}
}

type testSpan struct {
	TraceID      string
	SpanID       string
	ParentSpanID string
	Name         string
	Start        string `json:"startTimeUnixNano"`
	End          string `json:"endTimeUnixNano"`
	Status       struct {
		Code    int
		Message string
	}
}

func (r *harnessRun) spans(t *testing.T) (all []testSpan) {
	t.Helper()
	for _, text := range r.told(eventbridge.TypeSpans) {
		var told struct {
			Service string
			Spans   []testSpan
		}
		if err := json.Unmarshal([]byte(text), &told); err != nil || told.Service == "" {
			t.Fatalf("%s: %v", text, err)
		}
		all = append(all, told.Spans...)
	}
	return all
}

// TestEachStateHasASpan: of machines made at random, each state that was entered has a span,
// each parent is there, no id comes twice, all are of one trace, and each closing has one of the
// execution.
func TestEachStateHasASpan(t *testing.T) {
	spans := 0
	for seed := int64(0); seed < 60 && !t.Failed(); seed++ {
		r := newRandomLife(t, seed, seed%2 == 0)
		r.logging("OFF", false)
		r.live()
		run := r.order[0]
		s := run.state.(*State)
		ids := map[string]bool{}
		all := run.spans(t)
		spans += len(all)
		for _, span := range all {
			if ids[span.SpanID] {
				t.Errorf("seed %d: span %+v comes twice\n%s", seed, span, run.history())
			}
			ids[span.SpanID] = true
			if span.TraceID != all[0].TraceID || span.Start > span.End || span.Name == "" {
				t.Errorf("seed %d: %+v", seed, span)
			}
		}
		roots := 0
		for _, span := range all {
			if span.ParentSpanID == "" {
				roots++
			} else if !ids[span.ParentSpanID] {
				t.Errorf("seed %d: the parent of %+v is not there\n%s", seed, span, run.history())
			}
		}
		if roots != int(s.redrives)+1 {
			t.Errorf("seed %d: %d spans of an execution that was redriven %d times", seed, roots, s.redrives)
		}
		for _, e := range run.events {
			id := s.spanSince(e.ID, run.events)
			if strings.HasSuffix(string(e.Body.(*Body).Type), "StateEntered") && !ids[fmt.Sprintf("%x", id)] {
				t.Errorf("seed %d: state %s, entered at %d, has no span\n%s", seed, e.Body.(*Body).Name, e.ID, run.history())
			}
		}
	}
	if spans < 400 {
		t.Errorf("%d spans show little", spans)
	}
}

// spanSince is the id of the span of the state that was entered with an event.
func (s *State) spanSince(entered int64, events []engine.Event) [8]byte {
	redrives := int64(0)
	for _, e := range events[:entered-1] {
		if e.Body.(*Body).Type == ExecutionRedriven {
			redrives++
		}
	}
	return tracing.ID(s.id.Run, redrives<<32+entered)
}

// TestTraceOfTheCaller: who starts an execution may say of which trace it is, and that none is
// wanted.
func TestTraceOfTheCaller(t *testing.T) {
	const definition = `{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`
	for header, want := range map[string]string{
		"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1": "5759e988bd862e3fe1be46a994272793 53995c3f42cd8ad8",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01":                    "4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7",
		"Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0":                         "",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00":                    "",
		"nonsense": "own",
	} {
		h := newHarness(t, DefaultLimits())
		h.logging("OFF", false)
		run := h.begin("m", "e", definition, `{}`, func(s *Start) { s.Trace = header })
		all := run.spans(t)
		got := ""
		if i := slices.IndexFunc(all, func(s testSpan) bool { return s.Name == "m" }); i >= 0 {
			got = all[i].TraceID + " " + all[i].ParentSpanID
		}
		if want == "own" && strings.HasSuffix(got, " ") && strings.HasPrefix(got, fmt.Sprintf("%x", houseStart/1000)) {
			continue
		}
		if got != want {
			t.Errorf("%q: the execution is in the trace %q, want %q", header, got, want)
		}
	}
}

// TestTraceGoesOn: what a task calls hears of its span, and what a state starts of the state's;
// without tracing they hear what the execution was started with.
func TestTraceGoesOn(t *testing.T) {
	const definition = `{"StartAt":"F","States":{"F":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}`
	const header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	for _, traced := range []bool{true, false} {
		h := newHarness(t, DefaultLimits())
		h.logging("OFF", false)
		h.kept.Tracing = traced
		run := h.begin("m", "e", definition, `{}`, func(s *Start) { s.Trace = header })
		reply, err := h.do(run, &Look{ScheduledEventID: 3})
		if err != nil {
			t.Fatal(err)
		}
		task, state := header, header
		if s := run.state.(*State); traced {
			of := tracing.Of(header, s.id.Run, s.started)
			task, state = of.XRay(tracing.ID(s.id.Run, 3)), of.XRay(tracing.ID(s.id.Run, 2))
		}
		if got := reply.(*Task).Trace; got != task {
			t.Errorf("traced %t: the function hears %s, want %s", traced, got, task)
		}
		s := run.state.(*State)
		if got := s.handedOn(s.threads[0]).Trace; got != state || s.settings.Trace != header {
			t.Errorf("traced %t: what the state starts hears %s, want %s", traced, got, state)
		}
	}
}
