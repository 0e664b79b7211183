package server

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"heddle/internal/aws/operation"
	"heddle/internal/service"
)

// vendorModels are where the models of services lie. One that is missing fails the tests.
var vendorModels = map[string]string{
	"swf": "../swf/wire/model.json",
	"iam": "../iam/wire/model.json",
	"sts": "../iam/stswire/model.json",

	"states": "../sfn/wire/model.json",
	"kms":    "../kms/wire/model.json",
	"events": "../events/wire/model.json",

	"dataexchange": "../dataexchange/wire/model.json",
	"heddle":       "../operator/wire/model.json",
}

// vendorModel is what the tests read of a model.
type vendorModel struct {
	Metadata   struct{ Protocol, APIVersion, TargetPrefix, JSONVersion string }
	Operations map[string]struct {
		Input, Output struct{ Shape string }
		HTTP          struct{ Method, RequestURI string }
	}
	Shapes map[string]*vendorShape
}

type vendorShape struct {
	Type       string
	Payload    string // the member that is the body
	Enum       []string
	Min        int
	Required   []string
	Members    map[string]struct{ Shape, Location, LocationName string }
	Member     struct{ Shape, LocationName string }
	Key, Value struct{ Shape string }
}

func vendorModelOf(t *testing.T, s *service.Service) *vendorModel {
	t.Helper()
	raw, err := os.ReadFile(vendorModels[s.Name])
	if err != nil {
		t.Fatalf("the model of %q: %v", s.Name, err)
	}
	var m vendorModel
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return &m
}

// offered are the operations of a service as it opens them; wrap may change them.
func offered(s *service.Service, wrap func(*operation.Operation)) func() []string {
	var names []string
	open := s.Open
	s.Open = func(k *service.Kernel) (*service.Opened, error) {
		opened, err := open(k)
		if err != nil {
			return nil, err
		}
		for i := range opened.Operations {
			names = append(names, opened.Operations[i].Name)
			wrap(&opened.Operations[i])
		}
		return opened, nil
	}
	return func() []string { return names }
}

// TestMembersAreDecided: of every member of what can be asked, and of what is answered by
// whatever changes something, it is decided what a record shows of it; and nothing is
// decided of a member that is not there.
func TestMembersAreDecided(t *testing.T) {
	cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Auth: AuthNone, Services: Services()}
	names := map[string]func() []string{}
	for _, s := range cfg.Services {
		names[s.Name] = offered(s, func(*operation.Operation) {})
	}
	start(t, cfg)
	count := 0
	for _, s := range cfg.Services {
		m, members, there := vendorModelOf(t, s), membersOf(s), map[string]bool{}
		var walk func(shape, place string)
		walk = func(shape, place string) {
			v := m.Shapes[shape]
			for name, member := range v.Members {
				name = strings.ToLower(name[:1]) + name[1:]
				decided, shown := members.Decided(name)
				if !decided {
					t.Errorf("%s: nobody has decided whether records show %s.%s", s.Name, place, name)
				}
				if there[name] = true; shown {
					walk(member.Shape, place+"."+name)
				}
				count++
			}
			for _, inner := range []string{v.Member.Shape, v.Value.Shape} {
				if inner != "" {
					walk(inner, place)
				}
			}
		}
		for _, name := range names[s.Name]() {
			op := m.Operations[name]
			if op.Input.Shape != "" {
				walk(op.Input.Shape, name)
			}
			if op.Output.Shape != "" && !isReadOnly(s, name) {
				walk(op.Output.Shape, name)
			}
		}
		for name := range members {
			if !there[name] {
				t.Errorf("%s: %q is no member of anything that is recorded", s.Name, name)
			}
		}
	}
	if count < 600 {
		t.Errorf("only %d members", count)
	}
	t.Logf("%d members", count)
}

// samples are values that services take where the constraints of the model do not say
// enough, by names of members or else of shapes.
var samples = map[string]any{
	"DurationInDays": "1", "DurationInSeconds": "60", "DurationInSecondsOptional": "60", "TaskPriority": "1", "Timestamp": 1700000000,
	"DomainName": "a", "Name": "order", "Version": "1", "VersionOptional": "1",
	"lambdaRole": "arn:aws:iam::123456789012:role/r", "defaultLambdaRole": "arn:aws:iam::123456789012:role/r",
	"resourceArn":             "arn:aws:swf:us-east-1:123456789012:/domain/a",
	"CharacterRestrictedName": "PROD",

	"policyDocumentType": `{"Version":"2012-10-17","Statement":[]}`, "unrestrictedSessionPolicyDocumentType": `{"Version":"2012-10-17","Statement":[]}`,
	"pathType": "/x/", "pathPrefixType": "/x/", "policyPathType": "/x/", "policyVersionIdType": "v1", "ActionNameType": "iam:GetUser",
	"PolicyArn": "arn:aws:iam::123456789012:policy/p", "RoleArn": "arn:aws:iam::123456789012:role/r", "PolicySourceArn": "arn:aws:iam::123456789012:user/u",
	"InspectExecutionInput": map[string]any{"domain": "a", "workflowId": "1", "runId": "1"},
	"AwaitExecutionInput":   map[string]any{"domain": "a", "workflowId": "1", "runId": "1", "events": 1},
	"StartBatchInput":       map[string]any{"search": map[string]any{"domain": "a", "workflowIdPrefix": "1"}, "action": "SignalWorkflowExecution", "signalName": "1", "input": "1"},
	"PermissionsBoundary":   "arn:aws:iam::123456789012:policy/b", "tokenCodeType": "123456", "markerType": "YQ",

	"ResourceConfigurationArn": "arn:aws:vpc-lattice:us-east-1:123456789012:resourceconfiguration/rcfg-00000000000000000",

	"KeyIdType": "11111111-1111-4111-8111-111111111111", "AliasNameType": "alias/a", "PolicyType": "1",
	"CiphertextType": "AREREREREUERgRERERERERE" + strings.Repeat("A", 85), "PlaintextType": "AAAA", "AttestationDocumentType": "AAAA",
}

// sample is a value of a shape, with all members that it may have, or those that it must.
func (m *vendorModel) sample(shape, member string, whole bool) any {
	if m.Metadata.Protocol == "rest-json" && m.Shapes[shape].Type == "timestamp" {
		return "2099-01-01T00:00:00.000Z"
	}
	if v, known := samples[member]; known {
		return v
	}
	if v, known := samples[shape]; known {
		return v
	}
	v := m.Shapes[shape]
	switch v.Type {
	case "structure":
		object := map[string]any{}
		if kinds := m.Shapes[v.Members["decisionType"].Shape]; kinds != nil {
			kind := kinds.Enum[0]
			block := strings.ToLower(kind[:1]) + kind[1:] + "DecisionAttributes"
			return map[string]any{"decisionType": kind, block: m.sample(v.Members[block].Shape, block, whole)}
		}
		for name, f := range v.Members {
			if whole || slices.Contains(v.Required, name) {
				object[name] = m.sample(f.Shape, name, whole)
			}
		}
		return object
	case "list":
		return []any{m.sample(v.Member.Shape, "", whole)}
	case "map":
		return mapping{"a": m.sample(v.Value.Shape, "", whole)}
	case "boolean":
		return true
	case "integer", "long", "float":
		return max(v.Min, 1)
	case "string":
		if v.Enum != nil {
			return v.Enum[0]
		}
		return strings.Repeat("1", max(v.Min, 3))
	}
	panic("no sample of " + shape + ", a " + v.Type)
}

// mapping is a sample of a map, of which every member counts.
type mapping map[string]any

// pair is a parameter of the query protocol.
type pair struct{ name, value string }

// restOf is rest of any sample.
func (m *vendorModel) restOf(action string, sample any) (path, query string, header http.Header, body any) {
	path, query, header, members := m.rest(action, sample.(map[string]any))
	return path, query, header, members
}

// rest parts a sample as REST does: into a path, a query string, headers and members of a body.
func (m *vendorModel) rest(action string, sample map[string]any) (path, query string, header http.Header, body map[string]any) {
	op := m.Operations[action]
	path, header, body = op.HTTP.RequestURI, http.Header{}, map[string]any{}
	values := url.Values{}
	for name, v := range sample {
		member := m.Shapes[op.Input.Shape].Members[name]
		at := cmp.Or(member.LocationName, name)
		switch member.Location {
		case "uri":
			path = strings.ReplaceAll(path, "{"+at+"}", url.PathEscape(fmt.Sprint(v)))
		case "querystring":
			if list, ok := v.([]any); ok {
				for _, e := range list {
					values.Add(at, fmt.Sprint(e))
				}
				break
			}
			values.Set(at, fmt.Sprint(v))
		case "header":
			header.Set(at, fmt.Sprint(v))
		case "":
			if m.Shapes[op.Input.Shape].Payload == "" {
				body[at] = v
			}
		}
	}
	return path, values.Encode(), header, body
}

// form writes a sample as the query protocol does.
func (m *vendorModel) form(v any, name string) (all []pair) {
	dot := ""
	if name != "" {
		dot = name + "."
	}
	switch v := v.(type) {
	case map[string]any:
		for _, member := range slices.Sorted(maps.Keys(v)) {
			all = append(all, m.form(v[member], dot+member)...)
		}
	case []any:
		for i, e := range v {
			all = append(all, m.form(e, dot+"member."+strconv.Itoa(i+1))...)
		}
	case bool:
		all = []pair{{name, strconv.FormatBool(v)}}
	case int:
		all = []pair{{name, strconv.Itoa(v)}}
	case string:
		all = []pair{{name, v}}
	}
	return all
}

// jsonOf writes a sample as JSON; members may change the members of each object, which
// are texts, in order.
func jsonOf(v any, members func(map[string]string) []string) string {
	switch v := v.(type) {
	case map[string]any:
		texts := map[string]string{}
		for name, member := range v {
			texts[name] = jsonOf(member, members)
		}
		return "{" + strings.Join(members(texts), ",") + "}"
	case mapping:
		return jsonOf(map[string]any(v), plainMembers)
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, jsonOf(e, members))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// plainMembers are those of an object as they are.
func plainMembers(texts map[string]string) (all []string) {
	for _, name := range slices.SortedFunc(maps.Keys(texts), cmp.Compare[string]) {
		all = append(all, `"`+name+`":`+texts[name])
	}
	return all
}
