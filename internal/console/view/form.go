package view

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"heddle/internal/diagnose"
)

// Field is a member of an action's input in a form. Its name is that of the member; with
// dots, that of a member of a member.
type Field struct {
	Name  string
	Label string
	Kind  Kind
	Value string
	// Hint is what there is without a value, shown in the empty field.
	Hint    string
	Help    string
	Options []string // of Choice, the first one without a value
	Must    bool
	Max     int // characters
	Rows    int // of Area and Data; 0: as usual
}

// Kind is how a field is written.
type Kind string

// Values of Kind.
const (
	Line   Kind = "line"
	Area   Kind = "text"    // of several lines
	Data   Kind = "payload" // text that is checked if it looks like JSON
	Choice Kind = "choice"
	Lines  Kind = "lines" // a list: an element on each line
	Pairs  Kind = "pairs" // a list of tags: key=value on each line
	Number Kind = "number"
	Hidden Kind = "hidden"
)

// Form is an action with its fields.
type Form struct {
	Service string
	Action  string
	Fields  []Field
}

// Fill takes the values that were sent, or that an address gives; what is hidden stays.
func (f *Form) Fill(v url.Values) {
	for i := range f.Fields {
		if f.Fields[i].Kind == Hidden {
			continue
		}
		if given, has := v[f.Fields[i].Name]; has && len(given) > 0 {
			// Browsers send lines as CR LF.
			f.Fields[i].Value = strings.ReplaceAll(given[0], "\r\n", "\n")
		}
	}
}

// Set gives a field a value.
func (f *Form) Set(name, value string) {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			f.Fields[i].Value = value
		}
	}
}

// Hint tells what a field is without a value.
func (f *Form) Hint(name, hint string) {
	for i := range f.Fields {
		if f.Fields[i].Name == name && hint != "" {
			f.Fields[i].Hint = hint
		}
	}
}

// Wrong tells of the first number that is none, and of the first payload that looks like JSON
// and is not, unless it is to be sent as it is; "": nothing is wrong.
func (f *Form) Wrong(asIs bool) string {
	for _, field := range f.Fields {
		value := strings.TrimSpace(field.Value)
		if field.Kind == Number && value != "" && !isNumber(value) {
			return fmt.Sprintf("%s is to be a number, and is %q.", field.Label, diagnose.Short(value, 40))
		}
		if asIs || field.Kind != Data || value == "" || !strings.ContainsRune(`{["`, rune(value[0])) {
			continue
		}
		var any json.RawMessage
		if err := json.Unmarshal([]byte(value), &any); err != nil {
			return fmt.Sprintf("%s looks like JSON and is not: %v. If it is meant so, say that it is to be sent as it is.", field.Label, err)
		}
	}
	return ""
}

func isNumber(s string) bool {
	var n *float64
	return json.Unmarshal([]byte(s), &n) == nil && n != nil
}

// member is one of an input, in the order of the form.
type inputMember struct {
	name  string
	value any // string, list or nested members
}

// input are the members that have values.
func (f *Form) input() (all []inputMember) {
	for _, field := range f.Fields {
		var value any = field.Value
		switch field.Kind {
		case Lines:
			value = lines(field.Value)
		case Number:
			n := strings.TrimSpace(field.Value)
			if !isNumber(n) { // Wrong tells of it
				continue
			}
			value = json.RawMessage(n)
		case Pairs:
			tags := []map[string]string{}
			for _, line := range lines(field.Value) {
				key, of, _ := strings.Cut(line, "=")
				tags = append(tags, map[string]string{"key": strings.TrimSpace(key), "value": strings.TrimSpace(of)})
			}
			value = tags
		}
		if field.Value == "" && !field.Must {
			continue
		}
		outer, inner, nested := strings.Cut(field.Name, ".")
		if !nested {
			all = append(all, inputMember{field.Name, value})
			continue
		}
		at := slices.IndexFunc(all, func(m inputMember) bool { return m.name == outer })
		if at < 0 {
			at = len(all)
			all = append(all, inputMember{outer, map[string]any{}})
		}
		within := all[at].value.(map[string]any)
		for {
			next, rest, deeper := strings.Cut(inner, ".")
			if !deeper {
				break
			}
			if within[next] == nil {
				within[next] = map[string]any{}
			}
			within, inner = within[next].(map[string]any), rest
		}
		within[inner] = value
	}
	return all
}

func lines(s string) []string {
	all := []string{}
	for _, line := range strings.Split(s, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// Body is the input as JSON.
func (f *Form) Body() []byte {
	body := map[string]any{}
	for _, m := range f.input() {
		body[m.name] = m.value
	}
	return encoded(body)
}

// encoded is a value as JSON, as people write it.
func encoded(value any) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(fmt.Sprintf("view: encode %T: %v", value, err)) // of strings, lists and maps alone
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

// CLI is the same as a command of the AWS CLI, for the shell.
func (f *Form) CLI(region string) string {
	service := f.Service
	if service == "states" {
		service = "stepfunctions"
	}
	words := []string{"aws", service, kebab(f.Action), "--region", Quoted(region)}
	for _, m := range f.input() {
		value, isText := m.value.(string)
		if !isText {
			value = string(encoded(m.value))
		} else if strings.HasPrefix(value, "file://") || strings.HasPrefix(value, "fileb://") {
			return "" // the CLI would read a file
		}
		if strings.HasPrefix(value, "-") { // it would be an option
			words = append(words, "--"+kebab(m.name)+"="+Quoted(value))
			continue
		}
		words = append(words, "--"+kebab(m.name), Quoted(value))
	}
	return strings.Join(words, " ")
}

// kebab is a name as the CLI has it: StartWorkflowExecution is start-workflow-execution.
func kebab(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) {
			if i > 0 {
				b.WriteByte('-')
			}
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Quoted is a word of a shell's command.
func Quoted(s string) string {
	plain := strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@,+", r))
	}) < 0
	if plain && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

const (
	nameMax    = 256
	payloadLen = 32768
)

var childPolicies = []string{"TERMINATE", "REQUEST_CANCEL", "ABANDON"}

func choice(of []string, without string) []string { return slices.Concat([]string{without}, of) }

// Domain-wide forms, by the names of their pages.

// StartForm starts an execution.
func StartForm(domain string) *Form {
	return &Form{Service: "swf", Action: "StartWorkflowExecution", Fields: []Field{
		{Name: "domain", Kind: Hidden, Value: domain, Must: true},
		{Name: "workflowId", Label: "Workflow id", Kind: Line, Must: true, Max: nameMax, Help: "No other open execution of the domain has it."},
		{Name: "workflowType.name", Label: "Workflow type", Kind: Line, Must: true, Max: nameMax},
		{Name: "workflowType.version", Label: "Version", Kind: Line, Must: true, Max: 64},
		{Name: "input", Label: "Input", Kind: Data, Max: payloadLen},
		{Name: "tagList", Label: "Tags", Kind: Lines, Help: "At most five, one on each line."},
		{Name: "taskList.name", Label: "Task list of its deciders", Kind: Line, Max: nameMax},
		{Name: "taskPriority", Label: "Task priority", Kind: Line, Help: "A whole number; the larger is first."},
		{Name: "executionStartToCloseTimeout", Label: "Execution timeout", Kind: Line, Help: "Seconds, a year at most."},
		{Name: "taskStartToCloseTimeout", Label: "Decision task timeout", Kind: Line, Help: "Seconds, or NONE."},
		{Name: "childPolicy", Label: "Child policy", Kind: Choice, Options: choice(childPolicies, "that of the type")},
		{Name: "lambdaRole", Label: "Lambda role", Kind: Line, Max: 1600, Help: "The ARN of an IAM role."},
	}}
}

// SignalForm signals an execution.
func SignalForm(domain, workflowID, runID string) *Form {
	return &Form{Service: "swf", Action: "SignalWorkflowExecution", Fields: append(ofRun(domain, workflowID, runID),
		Field{Name: "signalName", Label: "Signal", Kind: Line, Must: true, Max: nameMax},
		Field{Name: "input", Label: "Input", Kind: Data, Max: payloadLen})}
}

// CancelForm asks an execution to cancel itself.
func CancelForm(domain, workflowID, runID string) *Form {
	return &Form{Service: "swf", Action: "RequestCancelWorkflowExecution", Fields: ofRun(domain, workflowID, runID)}
}

// TerminateForm terminates an execution.
func TerminateForm(domain, workflowID, runID string) *Form {
	return &Form{Service: "swf", Action: "TerminateWorkflowExecution", Fields: append(ofRun(domain, workflowID, runID),
		Field{Name: "childPolicy", Label: "Its children", Kind: Choice, Options: choice(childPolicies, "by the execution's own child policy")},
		Field{Name: "reason", Label: "Reason", Kind: Line, Max: nameMax},
		Field{Name: "details", Label: "Details", Kind: Data, Max: payloadLen})}
}

func ofRun(domain, workflowID, runID string) []Field {
	return []Field{
		{Name: "domain", Kind: Hidden, Value: domain, Must: true}, {Name: "workflowId", Kind: Hidden, Value: workflowID, Must: true},
		{Name: "runId", Kind: Hidden, Value: runID, Must: true},
	}
}

// RegisterDomainForm registers a domain.
func RegisterDomainForm() *Form {
	return &Form{Service: "swf", Action: "RegisterDomain", Fields: []Field{
		{Name: "name", Label: "Name", Kind: Line, Must: true, Max: nameMax},
		{Name: "workflowExecutionRetentionPeriodInDays", Label: "Retention of closed executions", Kind: Line, Value: "30", Must: true, Max: 8, Help: "Days, 90 at most; NONE or 0: none is kept."},
		{Name: "description", Label: "Description", Kind: Area, Max: 1024},
		{Name: "tags", Label: "Tags", Kind: Pairs, Help: "One on each line: key=value."},
	}}
}

// DomainForm deprecates or undeprecates a domain.
func DomainForm(action, domain string) *Form {
	return &Form{Service: "swf", Action: action, Fields: []Field{{Name: "name", Kind: Hidden, Value: domain, Must: true}}}
}

// RegisterTypeForm registers a type of workflows, or of activities.
func RegisterTypeForm(domain string, activity bool) *Form {
	f := &Form{Service: "swf", Action: "RegisterWorkflowType", Fields: []Field{
		{Name: "domain", Kind: Hidden, Value: domain, Must: true},
		{Name: "name", Label: "Name", Kind: Line, Must: true, Max: nameMax},
		{Name: "version", Label: "Version", Kind: Line, Must: true, Max: 64},
		{Name: "description", Label: "Description", Kind: Area, Max: 1024},
		{Name: "defaultTaskList.name", Label: "Task list", Kind: Line, Max: nameMax, Help: "Where tasks go if nobody says otherwise."},
		{Name: "defaultTaskPriority", Label: "Task priority", Kind: Line, Help: "A whole number; the larger is first."},
	}}
	if activity {
		f.Action = "RegisterActivityType"
		for _, t := range []struct{ name, text string }{
			{"defaultTaskScheduleToStartTimeout", "From scheduled to started"}, {"defaultTaskStartToCloseTimeout", "From started to closed"},
			{"defaultTaskScheduleToCloseTimeout", "From scheduled to closed"}, {"defaultTaskHeartbeatTimeout", "Between heartbeats"},
		} {
			f.Fields = append(f.Fields, Field{Name: t.name, Label: t.text, Kind: Line, Help: "Seconds, or NONE."})
		}
		return f
	}
	f.Fields = append(f.Fields,
		Field{Name: "defaultExecutionStartToCloseTimeout", Label: "Execution timeout", Kind: Line, Help: "Seconds, a year at most."},
		Field{Name: "defaultTaskStartToCloseTimeout", Label: "Decision task timeout", Kind: Line, Help: "Seconds, or NONE."},
		Field{Name: "defaultChildPolicy", Label: "Child policy", Kind: Choice, Options: choice(childPolicies, "none: who starts one says it")},
		Field{Name: "defaultLambdaRole", Label: "Lambda role", Kind: Line, Max: 1600, Help: "The ARN of an IAM role."})
	return f
}

// TypeForm deprecates, undeprecates or deletes a type.
func TypeForm(action, domain, kind, name, version string) *Form {
	return &Form{Service: "swf", Action: action, Fields: []Field{
		{Name: "domain", Kind: Hidden, Value: domain, Must: true},
		{Name: kind + "Type.name", Kind: Hidden, Value: name, Must: true}, {Name: kind + "Type.version", Kind: Hidden, Value: version, Must: true},
	}}
}

// Value is that of a field.
func (f *Form) Value(name string) string {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return f.Fields[i].Value
		}
	}
	return ""
}

// FillAgain fills a form of StartWorkflowExecution with what an execution was started with, as
// the answer to GetWorkflowExecutionHistory with its first event says.
func FillAgain(f *Form, workflowID string, history []byte) error {
	var answer struct{ Events []json.RawMessage }
	if err := json.Unmarshal(history, &answer); err != nil {
		return fmt.Errorf("read the first event of a history: %w", err)
	}
	if len(answer.Events) == 0 {
		return errors.New("read the first event of a history: there is none")
	}
	f.Set("workflowId", workflowID)
	for _, m := range attributes(answer.Events[0]) {
		switch m.name {
		case "workflowType", "taskList":
			var named struct{ Name, Version string }
			if err := json.Unmarshal([]byte(m.value), &named); err != nil {
				return fmt.Errorf("read %s of the first event: %w", m.name, err)
			}
			f.Set(m.name+".name", named.Name)
			f.Set(m.name+".version", named.Version)
		case "tagList":
			var tags []string
			if err := json.Unmarshal([]byte(m.value), &tags); err != nil {
				return fmt.Errorf("read the tags of the first event: %w", err)
			}
			f.Set(m.name, strings.Join(tags, "\n"))
		default:
			if m.isText {
				f.Set(m.name, m.value)
			}
		}
	}
	return nil
}
