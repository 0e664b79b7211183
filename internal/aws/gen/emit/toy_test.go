package emit_test

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/go-faster/jx"

	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/gen/gentest"
	"heddle/internal/aws/gen/testdata/toyjson"
	"heddle/internal/aws/gen/testdata/toyquery"
	"heddle/internal/aws/gen/testdata/toyrest"
	"heddle/internal/aws/restjson"
)

//go:generate go run heddle/internal/aws/gen ../testdata/toyjson ../testdata/toyrest ../testdata/toyquery

func TestToysAreFresh(t *testing.T) {
	for _, name := range []string{"toyjson", "toyrest", "toyquery"} {
		gentest.Fresh(t, "../testdata/"+name)
	}
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

// A toy with every member, as JSON has it.
const wholeToy = `{"ShelfId":"abc","Count":3,"Kind":"kite on a line","Token":"t","Fragile":true,"Weight":1.5,"Serial":9007199254740993,` +
	`"Made":1500000000.25,"Due":"2017-07-14T02:40:00.250Z","Paint":"AQID","Names":["aa","bb"],"Numbers":[1,2],"Grid":[[1],[2,3]],` +
	`"Parts":[{"name":"wheel","inner":{"name":"hub","size":2,"when":1500000000}}],"Box":{"name":"box"},"Tags":{"aa":"1","bb":""},` +
	`"PartsByName":{"p":{"name":"q"}},"Index":{"i":["aa"]},"Renamed":["cc"],"Steps":[{"type":"Glue","glueDetails":{"drops":1}}],` +
	`"Author":"ann","Since":1500000000,"Colours":["red","blue"],"Extra":{"one":"1"},"Dry":false,"After":1500000001,"Sizes":[4],"Rest":{"other":"x"}}`

func TestJSON(t *testing.T) {
	var in toyjson.MakeToyInput
	if err := in.Decode(jx.DecodeStr(strings.ReplaceAll(wholeToy, `"when":1500000000`, `"when":1500000000,"x":[{}]`))); err != nil {
		t.Fatal(err)
	}
	if err := in.Validate(); err != nil {
		t.Error(err)
	}
	same(t, "read and written", string(in.AppendJSON(nil)), wholeToy)

	for body, want := range map[string]string{
		`{"Paint":"?"}`:         "string is not valid base64",
		`{"Weight":"many"}`:     "STRING_VALUE can not be converted to a Double",
		`{"Due":"yesterday"}`:   `"yesterday" is not a time in the format of ISO 8601`,
		`{"Tags":[]}`:           "Start of list found where not expected",
		`{"Numbers":[null]}`:    "NULL_VALUE can not be an element of a list",
		`{"Index":{"i":[{}]}}`:  "Start of structure or map found where not expected",
		"{\"Tags\":{\"\xff\":1": "string is not valid UTF-8",
	} {
		err := in.Decode(jx.DecodeStr(body))
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
	if err := in.Decode(jx.DecodeStr(`{"Weight":"-Infinity","Tags":{"aa":null},"Names":null}`)); err != nil {
		t.Error(err)
	}
	if !math.IsInf(*in.Weight, -1) || len(in.Tags) != 0 || in.Tags == nil || in.Names != nil {
		t.Errorf("got %s", in.AppendJSON(nil))
	}
}

func TestValidate(t *testing.T) {
	const ok = `"ShelfId":"abc","Count":3,"Kind":"BEAR"`
	wrong := func(value, at, must string) string {
		return "1 validation error detected: Value " + value + " at '" + at + "' failed to satisfy constraint: Member must " + must
	}
	for body, want := range map[string]string{
		ok: "",
		``: "3 validation errors detected: Value null at 'kind' failed to satisfy constraint: Member must not be null; " +
			"Value null at 'shelfId' failed to satisfy constraint: Member must not be null; " +
			"Value null at 'count' failed to satisfy constraint: Member must not be null",
		ok + `,"ShelfId":"ABC"`:             wrong("'ABC'", "shelfId", `satisfy regular expression pattern: [\u0061-\u007A]+`),
		ok + `,"ShelfId":"a"`:               wrong("'a'", "shelfId", "have length greater than or equal to 2"),
		ok + `,"Kind":"BALL"`:               wrong("'BALL'", "kind", "satisfy enum value set: [BEAR, TOY_CAR, kite on a line, SHA_2_512]"),
		ok + `,"Steps":[{"type":"Dance"}]`:  wrong("'Dance'", "steps.1.member.type", "satisfy enum value set: [Wait, Glue, SawCut, HandCut]"),
		ok + `,"Weight":100`:                wrong("'100'", "weight", "have value less than or equal to 99.5"),
		ok + `,"Weight":"NaN"`:              wrong("'NaN'", "weight", "have value greater than or equal to 0"),
		ok + `,"Serial":-1`:                 wrong("'-1'", "serial", "have value greater than or equal to 0"),
		ok + `,"Paint":"AQIDBAU="`:          wrong("'java.nio.HeapByteBuffer[pos=0 lim=5 cap=5]'", "paint", "have length less than or equal to 4"),
		ok + `,"Names":[]`:                  wrong("'[]'", "names", "have length greater than or equal to 1"),
		ok + `,"Names":[null]`:              wrong("null", "names.1.member", "not be null"),
		ok + `,"Numbers":[1,2,3,4]`:         wrong("'[4 elements]'", "numbers", "have length less than or equal to 3"),
		ok + `,"Numbers":[1,11]`:            wrong("'11'", "numbers.2.member", "have value less than or equal to 10"),
		ok + `,"Grid":[[1],[1,11]]`:         wrong("'11'", "grid.2.member.2.member", "have value less than or equal to 10"),
		ok + `,"Tags":{"aa":"1","bbb!":""}`: wrong("'bbb!'", "tags.bbb!.member", `satisfy regular expression pattern: [\u0061-\u007A]+`),
		ok + `,"PartsByName":{"p":{}}`:      wrong("null", "partsByName.p.member.name", "not be null"),
		ok + `,"Index":{"i":["aa","b"]}`:    wrong("'b'", "index.i.member.2.member", "have length greater than or equal to 2"),
		ok + `,"Parts":[{"name":"a"},null]`: wrong("null", "parts.2.member", "not be null"),
		ok + `,"Parts":[{"name":"bomb"}]`:   "Value 'bomb' at 'parts.1.member.name' is invalid: must not be dangerous",
		ok + `,"Box":{"name":"bomb"}`:       "Value 'bomb' at 'box.name' is invalid: must not be dangerous",
		ok + `,"Token":"bad"`:               "Value 'bad' at 'token' is invalid: must not be bad",
		ok + `,"Tags":{"aa":"bad"}`:         "Value 'bad' at 'tags.aa.member' is invalid: must not be bad",
	} {
		var in toyjson.MakeToyInput
		if err := in.Decode(jx.DecodeStr("{" + strings.TrimPrefix(body, ",") + "}")); err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		got := ""
		if err := in.Validate(); err != nil {
			got = err.Error()
		}
		same(t, body, got, want)
	}
	for path, want := range map[string]string{
		"everything": "Not everything", "all": "Not all", "/a": "", "a": "Value 'a' at 'path' is invalid: must begin with a slash",
	} {
		got := ""
		in := toyjson.BreakToyInput{Path: path}
		if err := in.Validate(); err != nil {
			got = err.Error()
		}
		same(t, path, got, want)
	}
}

func TestUnionOfSharedBodies(t *testing.T) {
	var s toyjson.Step
	cut, glue := &toyjson.CutDetails{}, &toyjson.GlueDetails{}
	for _, c := range []struct {
		kind string
		body toyjson.StepBody
		ok   bool
	}{
		{"Glue", glue, true}, {"HandCut", cut, true}, {"SawCut", cut, true}, {"Wait", nil, true},
		{"Glue", cut, false}, {"Glue", nil, false}, {"Wait", cut, false}, {"Dance", cut, false},
	} {
		s = toyjson.Step{}
		if ok := s.SetBody(c.kind, c.body); ok != c.ok || ok && (s.Type != c.kind || s.Body() != c.body) || !ok && s != (toyjson.Step{}) {
			t.Errorf("%s with %T: %v, %s", c.kind, c.body, ok, s.AppendJSON(nil))
		}
	}
	for body, want := range map[string]toyjson.StepBody{
		`{"type":"SawCut"}`: cut, `{"type":"Glue","glueDetails":null}`: glue, `{"type":"Glue","cutDetails":{}}`: glue,
		`{"type":"Wait"}`: nil, `{"type":"Dance"}`: nil, `{}`: nil,
	} {
		if err := s.Decode(jx.DecodeStr(body)); err != nil || !reflect.DeepEqual(s.Body(), want) {
			t.Errorf("%s: %v, %T", body, err, s.Body())
		}
	}
	if s = (toyjson.Step{Type: "SawCut", GlueDetails: glue}); s.Body() != nil {
		t.Errorf("a body of another type is given: %T", s.Body())
	}
}

func TestFaults(t *testing.T) {
	limit, name := 12.5, "toys"
	full := toyjson.ShelfFullException{Message: "full", LimitName: &name, LimitValue: &limit}
	same(t, "fault", string(full.AppendJSON(nil)), `{"Message":"full","LimitName":"toys","LimitValue":12.5}`)
	same(t, "codes", fmt.Sprint(toyjson.CodeNoSuchShelf, toyrest.CodeNoSuchShelf, toyquery.CodeNoSuchShelf), fmt.Sprint("example.toys#NoSuchShelf", "NoSuchShelf", "NoShelf"))
	same(t, "statuses", fmt.Sprint(toyrest.Statuses[toyrest.CodeNoSuchShelf], toyrest.Statuses[toyrest.CodeShelfFullException]), "404 0")
	var x awsquery.XML
	(&toyquery.ShelfFullException{Message: "full", LimitValue: &limit}).AppendXML(&x)
	same(t, "fault", x.String(), `<Message>full</Message><LimitValue>12.5</LimitValue>`)
}

func TestREST(t *testing.T) {
	query, err := url.ParseQuery("dry=false&after=2017-07-14T02:40:01Z&size=4&other=x&X-Amz-Signature=s")
	if err != nil {
		t.Fatal(err)
	}
	body := strings.NewReplacer(`"ShelfId":"abc","Count":3,`, "", `"Renamed"`, `"OtherNames"`).Replace(wholeToy[:strings.Index(wholeToy, `,"Author"`)] + "}")
	r := &restjson.Request{
		Labels: []restjson.Label{{Name: "ShelfId", Value: "abc"}, {Name: "Count", Value: "3"}},
		Query:  query,
		Header: http.Header{
			"X-Author": {"ann"}, "X-Since": {"Fri, 14 Jul 2017 02:40:00 GMT"}, "X-Colours": {`red, "blue"`}, "X-Extra-One": {"1"}, "Host": {"h"},
		},
		Body: []byte(body),
	}
	var in toyrest.MakeToyInput
	if err := in.DecodeREST(r); err != nil {
		t.Fatal(err)
	}
	if err := in.Validate(); err != nil {
		t.Error(err)
	}
	same(t, "recorded", string(in.AppendJSON(nil)), wholeToy)

	since, made, due := in.Since, in.Made, in.Due
	for what, change := range map[string]func(r *restjson.Request){
		`dry: "maybe" is neither true nor false`:               func(r *restjson.Request) { r.Query = url.Values{"dry": {"maybe"}} },
		`size: "x" is not a whole number`:                      func(r *restjson.Request) { r.Query = url.Values{"size": {"1", "x"}} },
		`X-Since: "1500000000" is not a date of HTTP`:          func(r *restjson.Request) { r.Header = http.Header{"X-Since": {"1500000000"}} },
		`X-Author: the text is not valid UTF-8`:                func(r *restjson.Request) { r.Header = http.Header{"X-Author": {"\xff"}} },
		`the header X-Extra-A is not valid UTF-8`:              func(r *restjson.Request) { r.Header = http.Header{"X-Extra-A": {"\xff"}} },
		`the query string is not valid UTF-8`:                  func(r *restjson.Request) { r.Query = url.Values{"\xff": {"x"}} },
		`Count: "many" is not a whole number`:                  func(r *restjson.Request) { r.Labels = []restjson.Label{{Name: "Count", Value: "many"}} },
		`more follows the body's end`:                          func(r *restjson.Request) { r.Body = []byte("{} {}") },
		`NUMBER_VALUE can not be converted to a Structure`:     func(r *restjson.Request) { r.Body = []byte("1") },
		`unexpected EOF`:                                       func(r *restjson.Request) { r.Body = []byte("{") },
		`after: "now" is not a time in the format of ISO 8601`: func(r *restjson.Request) { r.Query = url.Values{"after": {"now"}} },
		`X-Colours: the text is not valid UTF-8`:               func(r *restjson.Request) { r.Header = http.Header{"X-Colours": {"a,\xff"}} },
	} {
		bad := restjson.Request{Body: []byte("{}")}
		change(&bad)
		if err := in.DecodeREST(&bad); err == nil || !strings.HasSuffix(err.Error(), what) {
			t.Errorf("%v, want %s", err, what)
		}
	}

	out := toyrest.MakeToyOutput{ToyID: "t", Extra: map[string]string{"one": "1"}, Colours: []string{"red", `b"l,ue`}, Tags: map[string]string{"b": "2", "a": "1"}}
	out.Since, out.Made, out.Due = since, made, due
	var a restjson.Answer
	out.EncodeREST(&a)
	same(t, "answer", fmt.Sprint(a.Status, a.Header, string(a.Body)),
		`201 map[X-Colours:[red, "b\"l,ue"] X-Extra-One:[1] X-Since:[Fri, 14 Jul 2017 02:40:00 GMT]]`+
			`{"ToyId":"t","Parts":[],"Made":1500000000.25,"Due":"2017-07-14T02:40:00.250Z","Tags":{"a":"1","b":"2"}}`)
	a = restjson.Answer{}
	status := int64(206)
	(&toyrest.ListToysOutput{Status: &status}).EncodeREST(&a)
	same(t, "answer", fmt.Sprint(a.Status, string(a.Body)), `206{"Toys":[]}`)
	a = restjson.Answer{}
	(&toyrest.CountOutput{}).EncodeREST(&a)
	same(t, "answer", fmt.Sprint(a.Status, string(a.Body)), `0{}`)
}

func TestRESTPayloads(t *testing.T) {
	stream := io.NopCloser(strings.NewReader("picture"))
	var put toyrest.PutPictureInput
	if err := put.DecodeREST(&restjson.Request{Labels: []restjson.Label{{Name: "Name", Value: "n"}}, Stream: stream}); err != nil || put.Validate() != nil || put.Picture != stream {
		t.Errorf("%v, %v", err, put.Validate())
	}
	same(t, "recorded", string(put.AppendJSON(nil)), `{"Name":"n"}`)

	var crop toyrest.GetPictureInput
	if err := crop.DecodeREST(&restjson.Request{Body: []byte(`{"name":"c"}`)}); err != nil {
		t.Error(err)
	}
	same(t, "recorded", string(crop.AppendJSON(nil)), `{"Name":"","Crop":{"name":"c"}}`)
	if err := crop.DecodeREST(&restjson.Request{}); err != nil || crop.Crop != nil {
		t.Errorf("%v, %v", err, crop.Crop)
	}

	body := []byte("text")
	var note toyrest.NoteInput
	var sketch toyrest.SketchInput
	if err := note.DecodeREST(&restjson.Request{Body: body}); err != nil || *note.Text != "text" {
		t.Errorf("%v, %v", err, note.Text)
	}
	if err := sketch.DecodeREST(&restjson.Request{Body: body}); err != nil || string(sketch.Lines) != "text" {
		t.Errorf("%v, %v", err, sketch.Lines)
	}
	if body[0] = 'n'; string(sketch.Lines) != "text" {
		t.Error("a payload changes with the body that it was read from")
	}
	if err := note.DecodeREST(&restjson.Request{Body: []byte("\xff")}); err == nil {
		t.Error("a text that is not UTF-8 is read")
	}

	kind := "image/png"
	for want, out := range map[string]interface{ EncodeREST(*restjson.Answer) }{
		"map[Content-Type:[image/png]]  true":                     &toyrest.GetPictureOutput{Kind: &kind, Picture: stream},
		"map[Content-Type:[text/plain]] image/png false":          &toyrest.NoteOutput{Text: &kind},
		"map[Content-Type:[application/octet-stream]] text false": &toyrest.SketchOutput{Lines: []byte("text")},
		`map[] {"name":"p"} false`:                                &toyrest.PutPictureOutput{Part: &toyrest.Part{Name: "p"}},
		"map[]  false":                                            &toyrest.PutPictureOutput{},
	} {
		var a restjson.Answer
		out.EncodeREST(&a)
		same(t, fmt.Sprintf("%T", out), fmt.Sprint(a.Header, " ", string(a.Body), " ", a.Stream != nil), want)
	}
}

func TestQuery(t *testing.T) {
	form := url.Values{}
	for _, pair := range strings.Fields(`ShelfId=abc Count=3 Kind=kite+on+a+line Token=t Fragile=true Weight=1.5 Serial=9007199254740993
		Made=2017-07-14T02:40:00.25Z Due=2017-07-14T02:40:00.250Z Paint=AQID Names.member.1=aa Names.member.2=bb Names.member.4=lost
		Numbers.member.1=1 Numbers.member.2=2 Grid.member.1.member.1=1 Grid.member.2.member.1=2 Grid.member.2.member.2=3
		Parts.member.1.name=wheel Parts.member.1.inner.name=hub Parts.member.1.inner.size=2 Parts.member.1.inner.when=Fri,+14+Jul+2017+02:40:00+GMT
		Box.name=box Tags.entry.1.key=aa Tags.entry.1.value=1 Tags.entry.2.key=bb Tags.entry.2.value= Tags.entry.4.key=lost
		PartsByName.entry.1.key=p PartsByName.entry.1.value.name=q Index.entry.1.key=i Index.entry.1.value.member.1=aa
		OtherNames.member.1=cc Steps.member.1.type=Glue Steps.member.1.glueDetails.drops=1
		X-Author=ann X-Since=2017-07-14T02:40:00Z X-Colours.member.1=red X-Colours.member.2=blue X-Extra-.entry.1.key=one X-Extra-.entry.1.value=1
		dry=false after=2017-07-14T02:40:01Z size.member.1=4 Rest.entry.1.key=other Rest.entry.1.value=x shelfid=other`) {
		values, err := url.ParseQuery(pair)
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range values {
			form[name] = v
		}
	}
	var in toyquery.MakeToyInput
	if err := in.DecodeQuery(awsquery.ParamsOf(form)); err != nil {
		t.Fatal(err)
	}
	if err := in.Validate(); err != nil {
		t.Error(err)
	}
	times := strings.NewReplacer(`"Made":1500000000.25`, `"Made":"2017-07-14T02:40:00.250Z"`, `"Since":1500000000,`, `"Since":"2017-07-14T02:40:00.000Z",`, `"After":1500000001,`, `"After":"2017-07-14T02:40:01.000Z",`)
	same(t, "recorded", string(in.AppendJSON(nil)), times.Replace(wholeToy))

	for pair, want := range map[string]string{
		"Count=many":                       `Count: "many" is not a whole number`,
		"Names.member.1=%ff":               "Names.member.1: the text is not valid UTF-8",
		"Numbers.member.1=x":               `Numbers.member.1: "x" is not a whole number`,
		"Paint=?":                          "Paint: the text is not valid base64",
		"Made=now":                         `Made: "now" is not a time in the format of ISO 8601`,
		"Parts.member.1.size=x":            `size: "x" is not a whole number`,
		"Weight=x":                         `Weight: "x" is not a number`,
		"Tags.entry.1.key=a%ff":            "Tags.entry.1.value: the text is not valid UTF-8",
		"Index.entry.1.value.member.1=%ff": "Index.entry.1.value.member.1: the text is not valid UTF-8",
	} {
		values, err := url.ParseQuery(pair)
		if err != nil {
			t.Fatal(err)
		}
		if err := in.DecodeQuery(awsquery.ParamsOf(values)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", pair, err, want)
		}
	}

	var list toyquery.ListToysInput
	form = url.Values{
		"ShelfId": {"abc"}, "flat.1": {"a"}, "flat.2": {"b"}, "FlatTags.1.K": {"k"}, "FlatTags.1.V": {"v"}, "items.item.1": {"i"},
	}
	if err := list.DecodeQuery(awsquery.ParamsOf(form)); err != nil {
		t.Error(err)
	}
	same(t, "recorded", string(list.AppendJSON(nil)), `{"ShelfId":"abc","Flat":["a","b"],"FlatTags":{"k":"v"},"Items":["i"]}`)
	if err := list.DecodeQuery(awsquery.ParamsOf(url.Values{"flat": {""}, "FlatTags": {""}})); err != nil || list.Flat == nil || list.FlatTags == nil || list.Items != nil {
		t.Errorf("%v, empty: %v, %v; absent: %v", err, list.Flat, list.FlatTags, list.Items)
	}

	deep := url.Values{"Box." + strings.Repeat("inner.", 10000) + "name": {"x"}}
	if err := in.DecodeQuery(awsquery.ParamsOf(deep)); err != nil || in.Box == nil {
		t.Errorf("%v, %v", err, in.Box)
	}

	out := toyquery.MakeToyOutput{
		ToyID: "<t>", Parts: []toyquery.Part{{Name: "p"}}, Made: in.Made, Paint: []byte{1, 2, 3}, Tags: map[string]string{"b": "2", "a": "1"},
		Flat: []string{"x", "y"}, FlatTags: map[string]string{"k": "v"}, Items: []string{"i"},
	}
	var x awsquery.XML
	out.AppendXML(&x)
	same(t, "answer", x.String(), `<ToyId>&lt;t&gt;</ToyId><Parts><member><name>p</name></member></Parts><Paint>AQID</Paint>`+
		`<Tags><entry><key>a</key><value>1</value></entry><entry><key>b</key><value>2</value></entry></Tags>`+
		`<Flat>x</Flat><Flat>y</Flat><FlatTags><K>k</K><V>v</V></FlatTags><Items><item>i</item></Items>`)
	same(t, "recorded answer", string(out.AppendJSON(nil)), `{"ToyId":"<t>","Parts":[{"name":"p"}],"Paint":"AQID","Tags":{"a":"1","b":"2"},`+
		`"Flat":["x","y"],"FlatTags":{"k":"v"},"Items":["i"]}`)
}
