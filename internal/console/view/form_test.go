package view

import (
	"encoding/json"
	"net/url"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

// TestForm: what is typed is the action's input, and the same for the AWS CLI in a shell.
func TestForm(t *testing.T) {
	f := StartForm("sh op")
	f.Fill(url.Values{
		"workflowId": {"order-1"}, "workflowType.name": {"it's"}, "workflowType.version": {"1"}, "input": {"{\"a\": \"<b>\"}"}, "tagList": {"gold\r\n\r\n two words "},
		"taskList.name": {"deciders"}, "taskPriority": {"-3"}, "domain": {"sh op"}, "unknown": {"x"},
	})
	const body = `{"domain":"sh op","input":"{\"a\": \"<b>\"}","tagList":["gold","two words"],"taskList":{"name":"deciders"},"taskPriority":"-3","workflowId":"order-1","workflowType":{"name":"it's","version":"1"}}`
	if got := string(f.Body()); got != body {
		t.Errorf("body %s", got)
	}
	cli := f.CLI("us-east-1")
	// A shell takes it for these words.
	out, err := exec.Command("sh", "-c", strings.Replace(cli, "aws ", `printf '%s\0' `, 1)).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"swf", "start-workflow-execution", "--region", "us-east-1", "--domain", "sh op", "--workflow-id", "order-1", "--workflow-type", `{"name":"it's","version":"1"}`,
		"--input", `{"a": "<b>"}`, "--tag-list", `["gold","two words"]`, "--task-list", `{"name":"deciders"}`, "--task-priority=-3",
	}
	if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); !reflect.DeepEqual(got, want) {
		t.Errorf("%s\nis %q\nwant %q", cli, got, want)
	}
	if f.Set("input", "file:///etc/passwd"); f.CLI("us-east-1") != "" {
		t.Error("the CLI would read a file")
	}
}

func TestWrong(t *testing.T) {
	for value, wrong := range map[string]bool{"": false, "x": false, `{"a":1}`: false, `{"a":`: true, "[1,2": true, `"x"`: false, "5": false, "{a}": true} {
		f := SignalForm("d", "w", "r")
		f.Set("input", value)
		if got := f.Wrong(false); (got != "") != wrong {
			t.Errorf("%q: %q", value, got)
		}
	}
}

// TestForms: all forms make JSON, with what must be there.
func TestForms(t *testing.T) {
	for _, f := range []*Form{
		StartForm("d"), SignalForm("d", "w", "r"), CancelForm("d", "w", "r"), TerminateForm("d", "w", "r"), RegisterDomainForm(), DomainForm("DeprecateDomain", "d"),
		RegisterTypeForm("d", true), RegisterTypeForm("d", false), TypeForm("DeleteActivityType", "d", "activity", "n", "1"),
	} {
		var body map[string]any
		if err := json.Unmarshal(f.Body(), &body); err != nil || len(body) == 0 {
			t.Errorf("%s: %s, %v", f.Action, f.Body(), err)
		}
		for _, field := range f.Fields {
			if field.Kind == Hidden && (field.Value == "" || !field.Must) || field.Kind != Hidden && field.Label == "" {
				t.Errorf("%s: field %+v", f.Action, field)
			}
		}
	}
	f := RegisterDomainForm()
	f.Set("tags", "team=a=b\nowner\n")
	if got := string(f.Body()); !strings.Contains(got, `[{"key":"team","value":"a=b"},{"key":"owner","value":""}]`) {
		t.Error(got)
	}
}
