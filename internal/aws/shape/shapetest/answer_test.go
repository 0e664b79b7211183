package shapetest

import (
	"os"
	"path/filepath"
	"testing"
)

const toy = `{
 "operations": {
  "Get": {"output": {"shape": "Thing"}, "errors": [{"shape": "Gone"}]},
  "Put": {}
 },
 "shapes": {
  "Thing": {"type": "structure", "required": ["name"], "members": {
   "name": {"shape": "Name"}, "sort": {"shape": "Sort"}, "count": {"shape": "Count"}, "open": {"shape": "Flag"},
   "at": {"shape": "Time"}, "parts": {"shape": "Things"}}},
  "Things": {"type": "list", "member": {"shape": "Thing"}, "max": 2},
  "Name": {"type": "string", "min": 1, "max": 3},
  "Sort": {"type": "string", "enum": ["RED", "BLUE"]},
  "Count": {"type": "integer", "min": 0},
  "Flag": {"type": "boolean"},
  "Time": {"type": "timestamp"},
  "Gone": {"type": "structure", "members": {"message": {"shape": "Name"}, "since": {"shape": "Time"}}}
 }
}`

func read(t *testing.T) *Model {
	t.Helper()
	file := filepath.Join(t.TempDir(), "model.json")
	if err := os.WriteFile(file, []byte(toy), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	m.Empty = map[string]string{"Get": `{"count":0}`}
	return m
}

func TestAnswersThatFit(t *testing.T) {
	m := read(t)
	for _, body := range []string{
		`{"name":"a"}`,
		`{"count":0}`,
		`{"name":"äöü","sort":"BLUE","count":7,"open":false,"at":1497371589.14,"parts":[{"name":"b"},{"name":"c"}]}`,
	} {
		if err := m.Success("Get", []byte(body)); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	if err := m.Success("Put", nil); err != nil {
		t.Error(err)
	}
	for _, body := range []string{`{"__type":"x#Gone","message":"a","since":1}`, `{"__type":"y#Broken","message":"whatever it is"}`} {
		if err := m.Fault("Get", []byte(body)); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestAnswersThatDoNot has one flaw in each answer.
func TestAnswersThatDoNot(t *testing.T) {
	m := read(t)
	for _, body := range []string{
		``, `{}`, `null`, `[]`, `"a"`, `{"name":"a"`, `{"name":"a"}{}`, `{"name":"a"} x`,
		`{"count":0,"open":false}`, `{"count": 0}`,
		`{"name":null}`, `{"name":""}`, `{"name":"abcd"}`, `{"name":1}`, `{"name":{}}`,
		`{"name":"a","Name":"b"}`, `{"name":"a","name":"b"}`, `{"name":"a","other":null}`,
		`{"name":"a","sort":"GREEN"}`, `{"name":"a","sort":null}`,
		`{"name":"a","count":-1}`, `{"name":"a","count":1.5}`, `{"name":"a","count":"1"}`, `{"name":"a","count":1e2}`,
		`{"name":"a","open":0}`, `{"name":"a","open":"true"}`,
		`{"name":"a","at":"1"}`, `{"name":"a","at":1.2345}`, `{"name":"a","at":1e9}`,
		`{"name":"a","parts":{}}`, `{"name":"a","parts":[{"name":"a"},{"name":"b"},{"name":"c"}]}`, `{"name":"a","parts":[{}]}`,
		`{"name":"a","parts":[{"name":"b","x":1}]}`, `{"name":"a","parts":[null]}`,
	} {
		if m.Success("Get", []byte(body)) == nil {
			t.Errorf("%s fits", body)
		}
	}
	if m.Success("Put", []byte(`{}`)) == nil || m.Success("Take", nil) == nil {
		t.Error("an output of an operation without one fits, or an operation that is none")
	}
	for _, body := range []string{
		`{"message":"a"}`, `{"__type":1,"message":"a"}`, `{"__type":"x#Gone","Message":"a"}`, `{"__type":"x#Gone","message":"a","x":1}`,
		`{"__type":"y#Broken","message":"a","since":1}`, `{"__type":"y#Broken","__type":"y#Broken","message":"a"}`, `x`, `{"__type":"x#Gone"}x`,
	} {
		if m.Fault("Get", []byte(body)) == nil {
			t.Errorf("fault %s fits", body)
		}
	}
}

func TestQuery(t *testing.T) {
	m := read(t)
	m.operations["Get"] = operation{Output: struct{ Shape, ResultWrapper string }{"Thing", "GetResult"}}
	m.operations["Put"] = operation{}
	const id = `<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>`
	get := func(members string) string {
		return `<GetResponse xmlns="x"><GetResult>` + members + `</GetResult>` + id + `</GetResponse>`
	}
	for _, body := range []string{
		get(`<name>a</name>`),
		get(`<sort>RED</sort><count>0</count><open>true</open><at>2026-01-01T00:00:00Z</at><name>a</name><parts><member><name>b</name></member></parts>`),
	} {
		if err := m.Query("Get", []byte(body)); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	if err := m.Query("Put", []byte(`<PutResponse>`+id+`</PutResponse>`)); err != nil {
		t.Error(err)
	}
	for _, body := range []string{
		``, `<GetResponse>`, get(``), get(`<name>a</name><name>a</name>`), get(`<name>a</name><other>b</other>`), get(`<name></name>`), get(`<name><x/></name>`),
		get(`<name>a</name>b`), get(`<name>a</name><sort>GREEN</sort>`), get(`<name>a</name><count>-1</count>`), get(`<name>a</name><count>x</count>`),
		get(`<name>a</name><open>1</open>`), get(`<name>a</name><at>1</at>`), get(`<name>a</name><at>2026-01-01T00:00:00.5Z</at>`),
		get(`<name>a</name><parts><Thing><name>b</name></Thing></parts>`), get(`<name>a</name><parts><member/></parts>`),
		`<GetResponse><GetResult><name>a</name></GetResult></GetResponse>`, `<PutResponse>` + id + `</PutResponse>`,
		`<GetResponse><OtherResult><name>a</name></OtherResult>` + id + `</GetResponse>`, get(`<name>a</name>`) + get(`<name>a</name>`),
	} {
		if m.Query("Get", []byte(body)) == nil {
			t.Errorf("%s fits", body)
		}
	}
	if m.Query("Put", []byte(`<PutResponse><PutResult/>`+id+`</PutResponse>`)) == nil || m.Query("Take", nil) == nil {
		t.Error("an output of an operation without one fits, or an operation that is none")
	}
}
