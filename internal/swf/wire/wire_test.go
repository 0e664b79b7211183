package wire

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/go-faster/jx"

	"heddle/internal/aws/shape"
)

func TestDecodeTimestamp(t *testing.T) {
	for in, want := range map[string]Timestamp{
		"0": 0, "-0": 0, "1497371589": 1497371589000, "1497371589.14": 1497371589140,
		"1492443961.284": 1492443961284, "1492443961.2849999": 1492443961284, "1.492443961284E9": 1492443961284,
		"1.492443961284e+9": 1492443961284, "1492443961284e-3": 1492443961284, "15e8": 1500000000000,
		"0.0009": 0, "-1.5": -1500, "0e99999999999": 0, "1e-99999999999": 0, "0.000000001e12": 1000000,
		"9223372036854775.807": 9223372036854775807,
	} {
		var f ExecutionTimeFilter
		if err := f.Decode(jx.DecodeStr(`{"oldestDate":` + in + `}`)); err != nil {
			t.Errorf("%s: %v", in, err)
		} else if f.OldestDate != want {
			t.Errorf("%s: got %d, want %d", in, f.OldestDate, want)
		}
	}
	for _, in := range []string{"1e40", "9223372036854775.808", "9223372036854775807", "1e99999999999", `"2012-01-25"`, "true", "01", "1.", ".5", "--1", "1e"} {
		var f ExecutionTimeFilter
		if err := f.Decode(jx.DecodeStr(`{"oldestDate":` + in + `}`)); err == nil {
			t.Errorf("%s: got %d, want an error", in, f.OldestDate)
		}
	}
}

func TestDecodeTypes(t *testing.T) {
	var in PollForDecisionTaskInput
	for body, want := range map[string]string{
		`{"domain":1}`:                        "NUMBER_VALUE can not be converted to a String",
		`{"domain":true}`:                     "TRUE_VALUE can not be converted to a String",
		`{"domain":{}}`:                       "Start of structure or map found where not expected",
		`{"domain":[]}`:                       "Start of list found where not expected",
		`{"taskList":"x"}`:                    "STRING_VALUE can not be converted to a Structure",
		`{"taskList":{"name":false}}`:         "FALSE_VALUE can not be converted to a String",
		`{"maximumPageSize":"1"}`:             "STRING_VALUE can not be converted to a Long",
		`{"maximumPageSize":1.5}`:             "NUMBER_VALUE with a fraction can not be converted to a Long",
		`{"maximumPageSize":1e30}`:            "NUMBER_VALUE is out of the range of a Long",
		`{"reverseOrder":0}`:                  "NUMBER_VALUE can not be converted to a Boolean",
		"{\"domain\":\"\xff\"}":               "string is not valid UTF-8",
		`{"other":"\`:                         "unexpected EOF",
		`[]`:                                  "Start of list found where not expected",
		`"x"`:                                 "STRING_VALUE can not be converted to a Structure",
		`null`:                                "NULL_VALUE can not be converted to a Structure",
		``:                                    "unexpected EOF",
		`{"domain":"a`:                        "unexpected EOF",
		`{"domain":"a"`:                       "unexpected EOF",
		`{"domain":tru}`:                      `unexpected byte 125 '}' at 13`,
		`{x}`:                                 `unexpected byte 120 'x' at 1`,
		`{"a":` + strings.Repeat("[", 65):     "nested too deeply",
		`{"a":` + strings.Repeat(`{"a":`, 65): "nested too deeply",
	} {
		err := in.Decode(jx.DecodeStr(body))
		if err == nil {
			t.Errorf("%s: no error", body)
			continue
		}
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			err = cause
		}
		if err.Error() != want {
			t.Errorf("%s: got %q, want %q", body, err, want)
		}
	}
}

func TestDecodeLongLists(t *testing.T) {
	for _, c := range []struct {
		elements int
		ok       bool
	}{{shape.ElementsMax, true}, {shape.ElementsMax + 1, false}} {
		for _, list := range []string{"decisions", "tagList"} {
			body := jx.DecodeStr(`{"` + list + `":[` + strings.Repeat("null,", c.elements-1) + `null]}`)
			var err error
			if list == "decisions" {
				err = new(RespondDecisionTaskCompletedInput).Decode(body)
			} else {
				err = new(StartWorkflowExecutionInput).Decode(body)
			}
			if (err == nil) != c.ok {
				t.Errorf("%d %s: %v", c.elements, list, err)
			}
		}
	}
}

func TestDecodeLenience(t *testing.T) {
	var in PollForDecisionTaskInput
	body := ` { "taskList" : {"name":"l","x":{"y":[1,null,{"z":"\u00e9"}]}} , "domain":"\ud834\udd1e\ud800", "identity":null,
		"maximumPageSize":1e1, "other":null,"reverseOrder":true } `
	if err := in.Decode(jx.DecodeStr(body)); err != nil {
		t.Fatal(err)
	}
	const want = `{"domain":"𝄞�","maximumPageSize":10,"reverseOrder":true,"taskList":{"name":"l"}}`
	if got := string(in.AppendJSON(nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// What was decoded before leaves no trace, nor does a member that comes twice.
	if err := in.Decode(jx.DecodeStr(`{"domain":"d","taskList":{"name":"a"},"taskList":{}}`)); err != nil {
		t.Fatal(err)
	}
	if err := in.Validate(); in.TaskList.Name != "" || err == nil {
		t.Errorf("got %s, %v", in.AppendJSON(nil), err)
	}
}

func TestListsAbsentAndEmpty(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:                    `{"domain":"","workflowId":"","workflowType":{"name":"","version":""}}`,
		`{"tagList":null}`:      `{"domain":"","workflowId":"","workflowType":{"name":"","version":""}}`,
		`{"tagList":[]}`:        `{"domain":"","tagList":[],"workflowId":"","workflowType":{"name":"","version":""}}`,
		`{"tagList":[null,""]}`: `{"domain":"","tagList":[null,""],"workflowId":"","workflowType":{"name":"","version":""}}`,
	} {
		var in StartWorkflowExecutionInput
		if err := in.Decode(jx.DecodeStr(body)); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		if got := string(in.AppendJSON(nil)); got != want {
			t.Errorf("%s: got %s", body, got)
		}
	}
	if got := string((&History{}).AppendJSON(nil)); got != `{"events":[]}` {
		t.Errorf("a required list that is nil is written as %s", got)
	}
}

// A decoded value equals the same value made in code, so that it can be
// compared and be the key of a map.
func TestDecodedEqualsMade(t *testing.T) {
	var e WorkflowExecution
	if err := e.Decode(jx.DecodeStr(`{"runId":"r","workflowId":"w"}`)); err != nil {
		t.Fatal(err)
	}
	if e != (WorkflowExecution{RunID: "r", WorkflowID: "w"}) {
		t.Errorf("got %+v", e)
	}
}

func FuzzDecode(f *testing.F) {
	for name := range structures {
		f.Add(name, []byte(`{"domain":"d","tagList":[null,"a"],"decisions":[{"decisionType":"StartTimer"},null],"eventTimestamp":1.5e9}`))
	}
	f.Add("StartWorkflowExecutionInput", []byte(`{"domain":"\ud800\udc00\\","workflowType":{"name":"n"}}`))
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		fresh := structures[name]
		if fresh == nil {
			return
		}
		first := fresh()
		d := jx.DecodeBytes(body)
		if err := first.Decode(d); err != nil {
			return
		}
		if v, ok := first.(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil && err.Error() == "" {
				t.Error("an error without a text")
			}
		}
		b := first.AppendJSON(nil)
		if !json.Valid(b) {
			t.Fatalf("not JSON: %q", b)
		}
		second := fresh()
		if err := second.Decode(jx.DecodeBytes(b)); err != nil {
			t.Fatalf("%v in %s", err, b)
		}
		if again := second.AppendJSON(nil); string(again) != string(b) {
			t.Fatalf("written as %s, read back as %s", b, again)
		}
	})
}

const taskScheduled = `{"activityTaskScheduledEventAttributes":{"activityId":"charge","activityType":{"name":"charge","version":"1"},` +
	`"decisionTaskCompletedEventId":4,"heartbeatTimeout":"NONE","input":"{\"order\":17}","scheduleToCloseTimeout":"300",` +
	`"scheduleToStartTimeout":"60","startToCloseTimeout":"240","taskList":{"name":"main"}},"eventId":5,` +
	`"eventTimestamp":1492443961.284,"eventType":"ActivityTaskScheduled"}`

func TestAppendAllocatesNothing(t *testing.T) {
	var e HistoryEvent
	if err := e.Decode(jx.DecodeStr(taskScheduled)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { b = e.AppendJSON(b[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if string(b) != taskScheduled {
		t.Errorf("got %s", b)
	}
}

func TestValidateAllocatesNothing(t *testing.T) {
	in := new(RespondDecisionTaskCompletedInput)
	if err := in.Decode(jx.DecodeStr(decisions)); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if err := in.Validate(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

const decisions = `{"taskToken":"t0","decisions":[{"decisionType":"ScheduleActivityTask","scheduleActivityTaskDecisionAttributes":` +
	`{"activityId":"a1","activityType":{"name":"charge","version":"1"},"taskList":{"name":"main"},"input":"some input"}},` +
	`{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"t1","startToFireTimeout":"60"}}]}`

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	d := new(jx.Decoder)
	body := []byte(decisions)
	for b.Loop() {
		d.ResetBytes(body)
		in := new(RespondDecisionTaskCompletedInput)
		if err := in.Decode(d); err != nil {
			b.Fatal(err)
		}
		if err := in.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	b.ReportAllocs()
	var e HistoryEvent
	if err := e.Decode(jx.DecodeStr(taskScheduled)); err != nil {
		b.Fatal(err)
	}
	var out []byte
	for b.Loop() {
		out = e.AppendJSON(out[:0])
	}
}

// TestNullIsNothing gives each member of each structure as null: it decodes as if it were
// not there, numbers and booleans too.
func TestNullIsNothing(t *testing.T) {
	members := 0
	for name, shape := range readModel(t).Shapes {
		if shape.Type != "structure" {
			continue
		}
		for _, member := range keys(t, shape.Members) {
			members++
			null, none := structures[name](), structures[name]()
			if err := errors.Join(null.Decode(jx.DecodeStr(`{"`+member+`":null}`)), none.Decode(jx.DecodeStr(`{}`))); err != nil {
				t.Errorf("%s.%s: %v", name, member, err)
			}
			if !reflect.DeepEqual(null, none) {
				t.Errorf("%s.%s: null decodes as %s", name, member, null.AppendJSON(nil))
			}
		}
	}
	if members < 500 {
		t.Errorf("%d members", members)
	}
}
