package wire

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/go-faster/jx"
)

type structure interface {
	Decode(*jx.Decoder) error
	AppendJSON([]byte) []byte
}

// TestEveryStructure fills all members of every structure and reads back what it writes.
func TestEveryStructure(t *testing.T) {
	for name, fresh := range structures {
		full, again := fresh(), fresh()
		fill(reflect.ValueOf(full).Elem())
		b := full.AppendJSON(nil)
		if !json.Valid(b) {
			t.Fatalf("%s: not JSON: %s", name, b)
		}
		if err := again.Decode(jx.DecodeBytes(b)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(again, full) {
			t.Errorf("%s: decoded %s as %s", name, b, again.AppendJSON(nil))
		}
	}
}

// fill gives each exported field a value other than its zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("§\"\n")
	case reflect.Int64:
		v.SetInt(1492443961284)
	case reflect.Float64:
		v.SetFloat(12.5)
	case reflect.Bool:
		v.SetBool(true)
	default:
		panic(v.Type().String())
	}
}

// TestMessages holds the words of complaints.
func TestMessages(t *testing.T) {
	long := strings.Repeat("x", 81)
	route := `{"stateMachineVersionArn":"a:1","weight":50}`
	for _, c := range []struct {
		in interface {
			structure
			Validate() error
		}
		body, want string
	}{
		{new(CreateActivityInput), `{"name":"a"}`, ""},
		{new(CreateActivityInput), `{}`, "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"},
		{new(CreateActivityInput), `{"name":""}`, "1 validation error detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{new(CreateActivityInput), `{"name":"` + long + `"}`, "1 validation error detected: Value '" + long + "' at 'name' failed to satisfy constraint: Member must have length less than or equal to 80"},
		{new(CreateActivityInput), `{"name":"a","tags":[{"key":""}]}`, "1 validation error detected: Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{new(CreateActivityInput), `{"name":"a","encryptionConfiguration":{"type":"X","kmsDataKeyReusePeriodSeconds":59}}`, "2 validation errors detected: Value '59' at 'encryptionConfiguration.kmsDataKeyReusePeriodSeconds' failed to satisfy constraint: Member must have value greater than or equal to 60; Value 'X' at 'encryptionConfiguration.type' failed to satisfy constraint: Member must satisfy enum value set: [AWS_OWNED_KEY, CUSTOMER_MANAGED_KMS_KEY]"},
		{new(ListActivitiesInput), `{"maxResults":1001}`, "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000"},
		{new(ListExecutionsInput), `{"statusFilter":"X"}`, "1 validation error detected: Value 'X' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"},
		{new(CreateStateMachineAliasInput), `{"name":"A","routingConfiguration":[` + route + `,` + route + `,{"stateMachineVersionArn":"a:2"}]}`,
			"2 validation errors detected: Value '[RoutingConfigurationListItem(stateMachineVersionArn=a:1, weight=50), RoutingConfigurationListItem(stateMachineVersionArn=a:1, weight=50), RoutingConfigurationListItem(stateMachineVersionArn=a:2, weight=null)]' at 'routingConfiguration' failed to satisfy constraint: Member must have length less than or equal to 2; Value null at 'routingConfiguration.3.member.weight' failed to satisfy constraint: Member must not be null"},
		{new(CreateStateMachineAliasInput), `{"name":"A","routingConfiguration":[]}`, "1 validation error detected: Value '[]' at 'routingConfiguration' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{new(CreateStateMachineAliasInput), `{"name":"A","routingConfiguration":[{"stateMachineVersionArn":"a:1","weight":101}]}`, "1 validation error detected: Value '101' at 'routingConfiguration.1.member.weight' failed to satisfy constraint: Member must have value less than or equal to 100"},
		{new(CreateStateMachineAliasInput), `{"name":"12","routingConfiguration":[` + route + `]}`, `1 validation error detected: Value '12' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$`},
		{new(CreateStateMachineAliasInput), `{"name":"1-","routingConfiguration":[` + route + `]}`, ""},
		{new(SendTaskFailureInput), `{"taskToken":"t","error":"` + strings.Repeat("e", 257) + `"}`, "1 validation error detected: Value at 'error' failed to satisfy constraint: Member must have length less than or equal to 256"},
		{new(SendTaskSuccessInput), `{"taskToken":"t"}`, "1 validation error detected: Value null at 'output' failed to satisfy constraint: Member must not be null"},
		{new(StartExecutionInput), `{"stateMachineArn":"a","traceHeader":"é"}`, `1 validation error detected: Value 'é' at 'traceHeader' failed to satisfy constraint: Member must satisfy regular expression pattern: \p{ASCII}*`},
	} {
		if err := c.in.Decode(jx.DecodeStr(c.body)); err != nil {
			t.Fatalf("%s: %v", c.body, err)
		}
		got := ""
		if err := c.in.Validate(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%T %s:\n got %s\nwant %s", c.in, c.body, got, c.want)
		}
	}
}

func TestHistoryIsAnOutput(t *testing.T) {
	next := "n\""
	for _, h := range []*History{{}, {Events: []byte(`{"id":1,"previousEventId":0,"timestamp":1.5,"type":"ExecutionStarted"},{"id":2,"previousEventId":0,"timestamp":2,"type":"PassStateEntered"}`), NextToken: &next}} {
		b := h.AppendJSON(nil)
		var out GetExecutionHistoryOutput
		if err := out.Decode(jx.DecodeBytes(b)); err != nil {
			t.Fatal(err)
		}
		if again := out.AppendJSON(nil); string(again) != string(b) {
			t.Errorf("got %s, want %s", b, again)
		}
	}
}
