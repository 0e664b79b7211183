package audit

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestJSON(t *testing.T) {
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
		{`{"name":null,"maximumPageSize":5,"reverseOrder":true}`, `{"name":null,"maximumPageSize":5,"reverseOrder":true}`, ``},
		{"{ \"tags\" :\n[ {\"key\":\"k\",\r\"value\":\"v\"} , {} ] }", `{"tags":[{"key":"k","value":"v"},{}]}`, ``},
		{
			`{"decisions":[{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{"markerName":"m","details":"secret"}}],"executionContext":"secret"}`,
			`{"decisions":[{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{"markerName":"m","details":` + h + `}}],"executionContext":` + h + `}`, ``,
		},
		{"{\"name\":\"a\xffb\"}", `{"name":"a` + "\ufffd" + `b"}`, ``},
		{`{"tags":` + strings.Repeat("[", depthMax+2) + strings.Repeat("]", depthMax+2) + `}`, ``, ``},
	} {
		if got := (&Trail{}).JSON([]byte(c.in)); string(got) != c.shown {
			t.Errorf("of %s is shown %s, want %s", c.in, got, c.shown)
		}
		got := (&Trail{Config: Config{Data: true}}).JSON([]byte(c.in))
		if c.withData != "" && string(got) != c.withData {
			t.Errorf("with data, of %s is shown %s, want %s", c.in, got, c.withData)
		}
	}
}

func TestForm(t *testing.T) {
	for _, c := range []struct{ in, shown string }{
		{"Action=ListUsers&Version=2010-05-08", ``},
		{"Action=GetUser&UserName=ann", `{"userName":"ann"}`},
		{"UserName=ann&X-Amz-Security-Token=secret&X-Amz-Signature=secret", `{"userName":"ann"}`},
		{"TokenCode=123456&SerialNumber=n", `{"serialNumber":"n","tokenCode":"` + hidden + `"}`},
		{"Tags.member.2.Key=b&Tags.member.10.Key=c&Tags.member.1.Key=a&Tags.member.1.Value=v", `{"tags":[{"key":"a","value":"v"},{"key":"b"},{"key":"c"}]}`},
		{"ActionNames.member.1=a%0Ab&UserName=%ff", `{"actionNames":["a\nb"],"userName":"` + "\ufffd" + `"}`},
		{"Tags.member=x", `{"tags":[]}`},
		{"Tags=x&Tags.member.1.Key=a", `{"tags":[{"key":"a"}]}`},
		{".=x&..=y&Tags." + strings.Repeat("x.", 100) + "=z", `{}`},
	} {
		values, err := url.ParseQuery(c.in)
		if err != nil {
			t.Fatal(err)
		}
		parameters := map[string]string{}
		for name := range values {
			parameters[name] = values.Get(name)
		}
		got := (&Trail{}).Form(parameters)
		if string(got) != c.shown {
			t.Errorf("of %s is shown %s, want %s", c.in, got, c.shown)
		}
	}
}

func TestXML(t *testing.T) {
	for _, c := range []struct{ in, shown string }{
		{``, ``},
		{`<User><UserName>a&lt;b</UserName><Tags><member><Key>k</Key></member><member><Key>l</Key></member></Tags></User>`, `{"user":{"tags":[{"key":"k"},{"key":"l"}],"userName":"a\u003cb"}}`},
		{`<Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>secret</SessionToken></Credentials>`, `{"credentials":{"accessKeyId":"A","secretAccessKey":"` + hidden + `","sessionToken":"` + hidden + `"}}`},
		{`<User>`, ``},
		{`</User>`, ``},
		{strings.Repeat("<User>", 100) + strings.Repeat("</User>", 100), ``},
	} {
		got := (&Trail{Config: Config{Data: true}}).XML([]byte(c.in))
		if !same(string(got), c.shown) {
			t.Errorf("of %s is shown %s, want %s", c.in, got, c.shown)
		}
	}
}

func same(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return a == b
	}
	return slices.Equal(must(json.Marshal(x)), must(json.Marshal(y)))
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// Whatever of SWF's model is data or a token is hidden; all else that a request or
// the answer to a write has is shown.
func TestMembersOfSWF(t *testing.T) {
	var model struct {
		Operations map[string]struct{ Input, Output struct{ Shape string } }
		Shapes     map[string]struct {
			Type    string
			Member  struct{ Shape string }
			Members map[string]struct{ Shape string }
		}
	}
	b, err := os.ReadFile("../swf/wire/model.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &model); err != nil {
		t.Fatal(err)
	}
	free := []string{"Data", "LimitedData", "FunctionInput", "FailureReason", "TerminateReason"}
	tokens := []string{"TaskToken", "PageToken"}
	seen := map[string]bool{}
	var walk func(shape string)
	walk = func(shape string) {
		s := model.Shapes[shape]
		if s.Type == "list" {
			walk(s.Member.Shape)
		}
		for name, m := range s.Members {
			if name == "events" { // of a decision task: the history stands for itself
				if as, listed := members[name]; listed {
					t.Errorf("events are %v", as)
				}
				continue
			}
			want := open
			switch {
			case slices.Contains(free, m.Shape):
				want = data
			case slices.Contains(tokens, m.Shape):
				want = secret
			}
			if as, listed := members[name]; !listed || as != want {
				t.Errorf("%s.%s, a %s, is %v (listed: %v), want %v", shape, name, m.Shape, as, listed, want)
			}
			seen[name] = true
			walk(m.Shape)
		}
	}
	for name, o := range model.Operations {
		walk(o.Input.Shape)
		if !slices.ContainsFunc([]string{"Count", "Describe", "Get", "List"}, func(read string) bool { return strings.HasPrefix(name, read) }) {
			walk(o.Output.Shape)
		}
	}
	if len(seen) < 80 {
		t.Errorf("only %d members seen", len(seen))
	}
}

// Whatever IAM and STS read and write by name is listed, or is known to be in the
// answers to reads only.
func TestMembersOfIdentity(t *testing.T) {
	onlyRead := []string{
		"accessKeyLastUsed", "allowedByPermissionsBoundary", "column", "document", "entry", "evalActionName",
		"evalDecision", "evalResourceName", "evaluationResults", "isTruncated", "lastUsedDate", "line", "matchedStatements",
		"missingContextValues", "new",
		"permissionsBoundaryDecisionDetail", "region", "roleLastUsed", "serviceName", "sourcePolicyId",
		"sourcePolicyType", "summaryMap",
	}
	secrets := []string{"secretAccessKey", "sessionToken", "tokenCode", "marker"}
	verbs := []string{
		"required", "name", "Get", "Lookup", "Optional", "oneOf", "number", "flag", "path", "List", "Members",
		"Text", "TextIf", "Texts", "Element", "Time", "Int", "Bool",
	}
	files, err := filepath.Glob("../iam/*.go")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			var verb string
			switch f := call.Fun.(type) {
			case *ast.SelectorExpr:
				verb = f.Sel.Name
			case *ast.Ident:
				verb = f.Name
			}
			if !slices.Contains(verbs, verb) {
				return true
			}
			for _, arg := range call.Args {
				if literal, ok := arg.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					text, err := strconv.Unquote(literal.Value)
					if err != nil {
						t.Fatal(err)
					}
					named[lowerFirst(text)] = true
					break
				}
			}
			return true
		})
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		as, listed := members[name]
		if !listed && !slices.Contains(onlyRead, name) {
			t.Errorf("%q is not listed", name)
		}
		if want := slices.Contains(secrets, name); listed && as.hides(true) != want {
			t.Errorf("%q is %v, secret %v", name, as, want)
		}
	}
	if len(named) < 60 {
		t.Errorf("only %d names found", len(named))
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"domain":"d","input":"x","decisions":[{"details":"y"}]}`))
	f.Add([]byte("{\"name\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, data := range []bool{false, true} {
			shown := (&Trail{Config: Config{Data: data}}).JSON(body)
			if len(shown) > 0 && (!json.Valid(shown) || slices.Contains(shown, '\n')) {
				t.Errorf("of %q is shown %q", body, shown)
			}
		}
	})
}
