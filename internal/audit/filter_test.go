package audit

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// table is of a service.
var table = NewMembers(
	[]string{
		"accessKey", "accessKeyId", "decisionType", "decisions", "domain", "key", "markerName", "maximumPageSize", "name",
		"recordMarkerDecisionAttributes", "reverseOrder", "runId", "status", "tagList", "tags", "userName", "value", "version", "workflowId", "workflowType",
	},
	[]string{"details", "executionContext", "input", "reason"},
	[]string{"nextPageToken", "secretAccessKey", "taskToken"},
	[]string{"password"},
	[]string{"context"},
)

func TestShow(t *testing.T) {
	const h = `"` + hidden + `"`
	for _, c := range []struct{ in, shown, withData string }{
		{``, ``, ``},
		{`null`, ``, ``},
		{`[]`, ``, ``},
		{`{`, ``, ``},
		{`{}`, `{}`, `{}`},
		{`{"domain":"d","input":"secret"}`, `{"domain":"d","input":` + h + `}`, `{"domain":"d","input":"secret"}`},
		{`{"\u0069nput":"secret"}`, `{"input":` + h + `}`, `{"input":"secret"}`},
		{`{"input":{"domain":"secret"}}`, `{"input":` + h + `}`, `{"input":{"domain":"secret"}}`},
		{`{"taskToken":"secret","nextPageToken":["secret"]}`, `{"taskToken":` + h + `,"nextPageToken":` + h + `}`, `{"taskToken":` + h + `,"nextPageToken":` + h + `}`},
		{`{"password":"secret","domain":"d"}`, `{"domain":"d"}`, `{"domain":"d"}`},
		{`{"unknown":"secret","domain":"d"}`, `{"domain":"d"}`, `{"domain":"d"}`},
		{`{"AccessKey":{"UserName":"ann","SecretAccessKey":"secret","Other":1}}`, `{"accessKey":{"userName":"ann","secretAccessKey":` + h + `}}`, ``},
		{`{"name":null,"maximumPageSize":5,"reverseOrder":true}`, `{"name":null,"maximumPageSize":5,"reverseOrder":true}`, ``},
		{"{ \"tags\" :\n[ {\"key\":\"k\",\r\"value\":\"v\"} , {} ] }", `{"tags":[{"key":"k","value":"v"},{}]}`, ``},
		{
			`{"decisions":[{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{"markerName":"m","details":"secret"}}],"executionContext":"secret"}`,
			`{"decisions":[{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{"markerName":"m","details":` + h + `}}],"executionContext":` + h + `}`, ``,
		},
		{`{"Context":{"Order \u0031":"1","password":"p","taskToken":"t","":null}}`, `{"context":{"Order 1":"1","password":"p","taskToken":"t","":null}}`, ``},
		{`{"context":["x",{"password":"secret"}]}`, `{"context":["x",{}]}`, ``},
		{"{\"context\":{\"a\xffb\":\"\xff\"}}", "{\"context\":{\"a\ufffdb\":\"\ufffd\"}}", ``},
		{"{\"name\":\"a\xffb\"}", `{"name":"a` + "\ufffd" + `b"}`, ``},
		{`{"tags":` + strings.Repeat("[", depthMax+2) + strings.Repeat("]", depthMax+2) + `}`, ``, ``},
	} {
		if got := table.Show([]byte(c.in), Calls, false); string(got) != c.shown {
			t.Errorf("of %s is shown %s, want %s", c.in, got, c.shown)
		}
		got := table.Show([]byte(c.in), Calls, true)
		if c.withData != "" && string(got) != c.withData {
			t.Errorf("with data, of %s is shown %s, want %s", c.in, got, c.withData)
		}
	}
}

// Whatever a caller pads its request with, every member is in the record, and the record
// is bounded.
func TestShownIsCut(t *testing.T) {
	long := strings.Repeat("ü\n", 60<<10)
	many := strings.Repeat(`{"key":"k","value":"v"},`, 10_000)
	texts := strings.Repeat(`"`+strings.Repeat("x", 2000)+`",`, 100)
	wide := ""
	for name, as := range table {
		if as == open {
			wide += `"` + name + `":"` + strings.Repeat(`\n`, 40<<10) + `",`
		}
	}
	for name, in := range map[string]string{
		"a long text":    `{"name":"` + strings.ReplaceAll(long, "\n", `\n`) + `","domain":"d"}`,
		"a long list":    `{"tags":[` + many + `{}],"name":"n","domain":"d"}`,
		"long texts":     `{"tagList":[` + texts + `""],"name":"n","domain":"d"}`,
		"lists in lists": `{"tags":[` + strings.Repeat(`{"key":"k","value":[`+texts+`""]},`, 50) + `{}],"name":"n","domain":"d"}`,
		"a large map":    `{"context":{` + strings.Repeat(`"k":"v",`, 20_000) + `"k":"v"},"name":"n","domain":"d"}`,
		"a long name":    `{"context":{"` + strings.ReplaceAll(long, "\n", `\n`) + `":"v"},"name":"n","domain":"d"}`,
		"all members":    `{` + wide + `"domain":"d"}`,
	} {
		for kind, most := range map[Kind]int{Calls: shownMax, Changes: shownMax, Refused: refusedShownMax} {
			shown := table.Show([]byte(in), kind, false)
			var got struct{ Name, Domain string }
			if err := json.Unmarshal(shown, &got); err != nil || got.Domain != "d" || got.Name == "" || len(shown) > most {
				t.Errorf("%s, %v: %v, %d bytes: %.200s", name, kind, err, len(shown), shown)
			}
			if !strings.Contains(string(shown), " more)") {
				t.Errorf("%s: it does not say that it was cut: %.200s", name, shown)
			}
		}
	}
	const whole = `{"name":"a","domain":"b"}`
	if got := string(table.Show([]byte(whole), Calls, false)); got != whole {
		t.Errorf("got %s", got)
	}
}

func TestMembersStandOnce(t *testing.T) {
	for name, c := range map[string][4][]string{
		"two lists":      {{"a", "b"}, {"b"}, nil, nil},
		"one list twice": {{"a", "a"}, nil, nil, nil},
		"shown and not":  {{"a"}, nil, nil, {"a"}},
		"large letter":   {nil, nil, {"Token"}, nil},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: taken", name)
				}
			}()
			NewMembers(c[0], c[1], c[2], c[3], nil)
		}()
	}
	m := NewMembers([]string{"a"}, nil, nil, []string{"b"}, nil)
	for name, want := range map[string][2]bool{"a": {true, true}, "A": {true, true}, "b": {true, false}, "c": {false, false}} {
		if decided, shown := m.Decided(name); decided != want[0] || shown != want[1] {
			t.Errorf("%s: %v, %v", name, decided, shown)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"domain":"d","input":"x","decisions":[{"details":"y"}]}`))
	f.Add([]byte("{\"name\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, data := range []bool{false, true} {
			shown := table.Show(body, Calls, data)
			if len(shown) > 0 && (!json.Valid(shown) || slices.Contains(shown, '\n')) {
				t.Errorf("of %q is shown %q", body, shown)
			}
		}
	})
}
