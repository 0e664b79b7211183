package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-faster/jx"
)

type structure interface {
	Decode(*jx.Decoder) error
	AppendJSON([]byte) []byte
}

type wireModel struct {
	Operations map[string]struct {
		Input, Output struct{ Shape string }
		Errors        []struct{ Shape string }
	}
	Shapes map[string]struct {
		Type     string
		Enum     []string
		Members  json.RawMessage
		Required []string
	}
}

func readModel(t testing.TB) wireModel {
	t.Helper()
	raw, err := os.ReadFile("model.json")
	if err != nil {
		t.Fatal(err)
	}
	var m wireModel
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// keys are the members of a JSON object, in order.
func keys(t testing.TB, object []byte) []string {
	t.Helper()
	var list []string
	d := jx.DecodeBytes(object)
	if err := d.Obj(func(d *jx.Decoder, key string) error {
		list = append(list, key)
		return d.Skip()
	}); err != nil {
		t.Fatalf("%v in %s", err, object)
	}
	return list
}

func TestEveryOperation(t *testing.T) {
	m := readModel(t)
	if len(Operations) != len(m.Operations) || len(Operations) != 39 {
		t.Fatalf("%d operations, the model has %d", len(Operations), len(m.Operations))
	}
	for _, op := range Operations {
		want, ok := m.Operations[op.Name]
		if !ok {
			t.Fatalf("%s is not in the model", op.Name)
		}
		if op.Input != want.Input.Shape || op.Output != want.Output.Shape {
			t.Errorf("%s: input %q, output %q", op.Name, op.Input, op.Output)
		}
		var faults []string
		for _, e := range want.Errors {
			faults = append(faults, "com.amazonaws.swf.base.model#"+e.Shape)
		}
		if !slices.Equal(op.Faults, faults) || !slices.Equal(Faults()[op.Name], faults) {
			t.Errorf("%s: faults %q", op.Name, op.Faults)
		}
		if _, ok := structures[op.Input]().(interface{ Validate() error }); !ok {
			t.Errorf("%s does not validate", op.Input)
		}
	}
}

// TestEveryStructure fills all members of every structure and looks at what
// encoding and decoding make of them.
func TestEveryStructure(t *testing.T) {
	for name, shape := range readModel(t).Shapes {
		if shape.Type != "structure" {
			continue
		}
		if structures[name] == nil {
			t.Errorf("%s is missing", name)
			continue
		}
		full := structures[name]()
		counter := 0
		fill(reflect.ValueOf(full).Elem(), &counter)
		b := full.AppendJSON(nil)
		if !json.Valid(b) {
			t.Fatalf("%s: not JSON: %s", name, b)
		}
		if got, want := keys(t, b), keys(t, shape.Members); !slices.Equal(got, want) {
			t.Errorf("%s: members %v, want %v", name, got, want)
		}
		again := structures[name]()
		if err := again.Decode(jx.DecodeBytes(b)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(again, full) {
			t.Errorf("%s: decoded %s as %s", name, b, again.AppendJSON(nil))
		}

		empty := structures[name]()
		if err := empty.Decode(jx.DecodeStr(`{"noSuchMember":[{"a":[]}]}`)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		required := slices.Sorted(slices.Values(shape.Required))
		if got := keys(t, empty.AppendJSON(nil)); !slices.Equal(slices.Sorted(slices.Values(got)), required) {
			t.Errorf("%s: without a value it has %v, want the required members %v", name, got, required)
		}
	}
}

func fill(v reflect.Value, counter *int) {
	*counter++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), counter)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), counter)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), counter)
		fill(v.Index(1), counter)
	case reflect.String:
		v.SetString(fmt.Sprintf("text \"%d\" ☃", *counter))
	case reflect.Int64:
		v.SetInt(int64(1492443961000 + *counter))
	case reflect.Bool:
		v.SetBool(true)
	default:
		panic("no value for a " + v.Kind().String())
	}
}

func TestEveryEnum(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "enums_gen.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if c, ok := n.(*ast.ValueSpec); ok && len(c.Values) == 1 {
			if literal, ok := c.Values[0].(*ast.BasicLit); ok {
				constants[c.Names[0].Name], _ = strconv.Unquote(literal.Value)
			}
		}
		return true
	})
	for name, shape := range readModel(t).Shapes {
		for _, value := range shape.Enum {
			found := false
			for constant, is := range constants {
				found = found || is == value && strings.HasPrefix(constant, name)
			}
			if !found {
				t.Errorf("no constant for %s %s", name, value)
			}
		}
	}
	if got := constants["ChildPolicyTerminate"]; got != "TERMINATE" {
		t.Errorf("ChildPolicyTerminate is %q", got)
	}
	if len(EventTypeValues) != 54 || len(DecisionTypeValues) != 13 {
		t.Errorf("%d event types, %d decision types", len(EventTypeValues), len(DecisionTypeValues))
	}
}

// TestEventAttributes keeps the name of each event's block derivable from its
// type, which readers of a history rely on.
func TestEventAttributes(t *testing.T) {
	var e HistoryEvent
	for _, eventType := range EventTypeValues {
		body := []byte(`{"eventId":1,"eventTimestamp":1,"eventType":"` + eventType + `","` +
			strings.ToLower(eventType[:1]) + eventType[1:] + `EventAttributes":{}}`)
		if err := e.Decode(jx.DecodeBytes(body)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(e.AppendJSON(nil), []byte(`EventAttributes":{`)) {
			t.Errorf("%s has no attributes", eventType)
		}
	}
}

// readLimits gives the longest length of the string members of structures.
func readLimits(t testing.TB) map[string]map[string]int {
	t.Helper()
	raw, err := os.ReadFile("model.json")
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Shapes map[string]struct {
			Type    string
			Max     int
			Members map[string]struct{ Shape string }
		}
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	limits := map[string]map[string]int{}
	for name, shape := range m.Shapes {
		limits[name] = map[string]int{}
		for member, is := range shape.Members {
			if s := m.Shapes[is.Shape]; s.Type == "string" && s.Max > 0 {
				limits[name][member] = s.Max
			}
		}
	}
	return limits
}

// TestUnions puts a body of every type into an event and a decision, and finds it.
func TestUnions(t *testing.T) {
	for _, kind := range EventTypeValues {
		var whole, bare, again HistoryEvent
		if err := whole.Decode(jx.DecodeStr(`{"eventType":"` + kind + `","` + strings.ToLower(kind[:1]) + kind[1:] + `EventAttributes":{}}`)); err != nil {
			t.Fatal(err)
		}
		body := whole.Body()
		if body == nil || body.EventType() != kind {
			t.Errorf("%s has the body %T", kind, body)
			continue
		}
		if again.SetBody(body); again.Body() != body || again.EventType != kind {
			t.Errorf("%s: %T was put in, there is %T", kind, body, again.Body())
		}
		if bare.EventType = kind; bare.Body() != nil {
			t.Errorf("%s without a body has %T", kind, bare.Body())
		}
	}
	for _, kind := range DecisionTypeValues {
		var whole, bare, again Decision
		if err := whole.Decode(jx.DecodeStr(`{"decisionType":"` + kind + `","` + strings.ToLower(kind[:1]) + kind[1:] + `DecisionAttributes":{}}`)); err != nil {
			t.Fatal(err)
		}
		body := whole.Body()
		if body == nil || body.DecisionType() != kind {
			t.Errorf("%s has the body %T", kind, body)
			continue
		}
		if again.SetBody(body); again.Body() != body || again.DecisionType != kind {
			t.Errorf("%s: %T was put in, there is %T", kind, body, again.Body())
		}
		if bare.DecisionType = kind; bare.Body() != nil {
			t.Errorf("%s without a body has %T", kind, bare.Body())
		}
	}
}
