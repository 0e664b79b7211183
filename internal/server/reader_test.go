package server

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"context"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestOneReader sends every action of every service in many spellings of one request: with
// members that nobody knows, twins, padding, escapes, and credentials beside the one that
// signs. What is executed decides alone what policies are asked and what is recorded. The
// requests are made from the models, so a new action is tried, too.
func TestOneReader(t *testing.T) {
	if racing {
		t.Skip("it is about what is read, not about who reads beside whom: half a minute")
	}
	h := newOneReader(t)
	decision, activity, _ := h.openDomain("a")
	h.role("r", `{"Effect":"Allow","Principal":{"AWS":"`+defaults.Account+`"},"Action":["sts:AssumeRole","sts:TagSession"]}`)
	h.stubbed.Store(true)
	mallory := "AKIAMALLORYMALLORYAA"
	for _, s := range h.cfg.Services {
		m := vendorModelOf(t, s)
		for _, action := range h.names[s.Name]() {
			for _, whole := range []bool{false, true} {
				input := any(map[string]any{})
				if shape := m.Operations[action].Input.Shape; shape != "" {
					input = m.sample(shape, "", whole)
				}
				if in := input.(map[string]any); in["taskToken"] != nil {
					in["taskToken"] = activity
					if strings.Contains(action, "Decision") {
						in["taskToken"] = decision
					}
				}
				if in := input.(map[string]any); in["closeStatus"] != nil && in["orderBy"] != nil { // only what is closed has one
					in["status"] = "CLOSED"
				}
				if shape := m.Shapes[m.Operations[action].Input.Shape]; s.Name == "heddle" && shape != nil && shape.Members["stateMachineArn"].Shape != "" {
					in := input.(map[string]any) // of a domain, or of a state machine
					delete(in, "stateMachineArn")
					delete(in, "executionArn")
					in["domain"] = m.sample(shape.Members["domain"].Shape, "domain", whole)
				}
				to := target{oneReader: h, model: m, service: s.Name, action: action}
				var variants []variant
				switch m.Metadata.Protocol {
				case "json":
					variants = to.objects(input)
				case "rest-json":
					to.path, to.query, to.header, input = m.restOf(action, input)
					variants = to.rest(input)
				default:
					variants = to.queries(input)
				}
				plain := to.send(h.root, variants[0])
				if !plain.executed {
					t.Errorf("%s %s: the sample is not taken: %s", s.Name, action, plain.answer)
					continue
				}
				for _, v := range variants[1:] {
					got := to.send(h.root, v)
					if v.same && !got.executed || got.executed && got.input != plain.input && v.same {
						t.Errorf("%s %s, %s: it is not what it was: %v %.300s\ninput %.300s\nplain %.300s", s.Name, action, v.name, got.executed, got.answer, got.input, plain.input)
					}
				}
				for _, v := range to.credentials(variants[0], mallory) {
					to.send(h.root, v)
				}
			}
		}
	}
	h.judge(mallory)
}

// oneReader is a server whose handlers, once they are stubbed, tell what they would execute.
type oneReader struct {
	*harness
	cfg     Config
	names   map[string]func() []string
	stubbed atomic.Bool

	mu   sync.Mutex
	read map[string]string // inputs, by requests
	asks map[string]string // questions, by requests
	sent []sent
}

// sent is a request that was sent.
type sent struct {
	id, what, input, answer string
	executed                bool
}

func newOneReader(t *testing.T) *oneReader {
	h := &oneReader{names: map[string]func() []string{}, read: map[string]string{}, asks: map[string]string{}}
	h.cfg = Config{
		Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), PollHold: time.Second,
		Audit: Audit{Files: AuditFile, Data: true}, Services: Services(),
		Log: slog.New(slog.NewTextHandler(complaints{t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for _, s := range h.cfg.Services {
		h.names[s.Name] = offered(s, func(op *operation.Operation) {
			handle := op.Handle
			op.Handle = func(ctx context.Context, in any) (any, error) {
				if !h.stubbed.Load() {
					return handle(ctx, in)
				}
				return nil, h.note(ctx, in)
			}
		})
	}
	s := start(t, h.cfg)
	h.harness = &harness{t, s, rootKey(t, h.cfg.Data)}
	return h
}

// note takes down what a call would execute, and what policies would be asked.
func (h *oneReader) note(ctx context.Context, in any) error {
	questions, err := operation.SubjectOf(ctx).Questions(ctx)
	if err != nil {
		return err
	}
	asks := ""
	for _, q := range questions {
		asks += fmt.Sprintf("%s on %s, %s, called %s\n", q.Action, q.Resource, q.Alias, q.Called)
		for _, v := range q.Context {
			if !strings.HasSuffix(v.Key, "Time") {
				asks += "  " + v.Key + "=" + v.Value + "\n"
			}
		}
	}
	input := string(in.(interface{ AppendJSON([]byte) []byte }).AppendJSON(nil))
	h.mu.Lock()
	defer h.mu.Unlock()
	id := ctx.(*operation.Call).RequestID
	h.read[id], h.asks[id] = input, asks
	return fault.Invalid("it was read")
}

// target is an action that is asked.
type target struct {
	*oneReader
	model           *vendorModel
	service, action string
	path, query     string // in REST
	header          http.Header
}

// variant is a spelling of a request; same: it must be executed, and as the plain one is.
type variant struct {
	name, path, query, body, method string
	same                            bool
	change                          func(*http.Request)
}

func (to target) send(key aws.Credentials, v variant) sent {
	to.t.Helper()
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	if m := to.model.Metadata; m.Protocol == "json" {
		header = http.Header{"X-Amz-Target": {m.TargetPrefix + "." + to.action}, "Content-Type": {"application/x-amz-json-" + m.JSONVersion}}
	}
	if v.method == "" {
		v.method = cmp.Or(to.model.Operations[to.action].HTTP.Method, http.MethodPost)
	}
	if to.model.Metadata.Protocol == "rest-json" {
		header = to.header.Clone()
		header.Set("Content-Type", "application/json")
		v.query = strings.TrimPrefix(to.query+"&"+v.query, "&")
	}
	k := &knock{key: key, service: to.service, region: defaults.Region, at: time.Now(), method: v.method, path: cmp.Or(v.path, to.path), query: v.query, header: header, body: v.body, change: v.change}
	w, err := http.DefaultClient.Do(to.request(k))
	if err != nil {
		to.t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		to.t.Fatal(err)
	}
	s := sent{id: w.Header.Get("x-amzn-RequestId"), what: to.service + " " + to.action, answer: string(b)}
	to.mu.Lock()
	defer to.mu.Unlock()
	s.input, s.executed = to.read[s.id]
	s.what += ", " + v.name
	to.sent = append(to.sent, s)
	return s
}

const (
	padding = 40 << 10 // fits into the smallest bound of a body
	deep    = 10
)

// queries are spellings of a call in the query protocol.
func (to target) queries(input any) []variant {
	own := append([]pair{{"Action", to.action}, {"Version", to.model.Metadata.APIVersion}}, to.model.form(input, "")...)
	write := func(all []pair) string {
		var b strings.Builder
		for i, p := range all {
			if i > 0 {
				b.WriteByte('&')
			}
			b.WriteString(url.QueryEscape(p.name) + "=" + url.QueryEscape(p.value))
		}
		return b.String()
	}
	with := func(more func(p pair) []pair) string {
		all := slices.Clone(own)
		for _, p := range own {
			all = append(all, more(p)...)
		}
		return write(all)
	}
	// Twins stand before and behind, since the first or the last of two may count.
	around := func(more func(p pair) []pair) string {
		var all []pair
		for _, p := range own {
			all = append(all, more(p)...)
		}
		return write(slices.Concat(all, own, all))
	}
	swap := func(s string) string {
		if s[0] >= 'a' {
			return strings.ToUpper(s[:1]) + s[1:]
		}
		return strings.ToLower(s[:1]) + s[1:]
	}
	hex := func(s string) (text string) {
		for i := range len(s) {
			text += fmt.Sprintf("%%%02x", s[i])
		}
		return text
	}
	escaped := ""
	for _, p := range own {
		escaped += "&" + hex(p.name) + "=" + hex(p.value)
	}
	reversed := slices.Clone(own)
	slices.Reverse(reversed)
	plain := write(own)
	same := func(name, body string) variant { return variant{name: name, body: body, same: true} }
	all := []variant{
		same("plain", plain),
		same("first letter of another case", around(func(p pair) []pair { return []pair{{swap(p.name), "mallory"}} })),
		same("another case", around(func(p pair) []pair { return []pair{{strings.ToUpper(p.name) + "S", "mallory"}} })),
		same("members of what has none", around(func(p pair) []pair {
			return []pair{{p.name + ".x", "1"}, {p.name + ".member.1", "mallory"}, {p.name + ".", "mallory"}, {p.name + ".1", "mallory"}}
		})),
		same("a second value", with(func(p pair) []pair { return []pair{{p.name, "mallory"}} })),
		same("elements after a gap", around(func(p pair) []pair {
			if before, after, ok := strings.Cut(p.name, ".member.1"); ok {
				return []pair{{before + ".member.3" + after, "mallory"}, {before + ".member.01" + after, "mallory"}, {before + ".1" + after, "mallory"}, {before + ".member.0" + after, "mallory"}}
			}
			return nil
		})),
		same("padding", write(append(slices.Clone(own), pair{"Padding", strings.Repeat("mallory", padding/7)}))),
		same("padding in a structure", write(append(slices.Clone(own), pair{own[len(own)-1].name + ".Mallory", strings.Repeat("mallory", padding/7)}, pair{strings.Repeat("Mallory.", 1000), "x"}))),
		same("deep members", with(func(p pair) []pair { return []pair{{p.name + strings.Repeat(".Mallory", deep), "x"}} })),
		same("reversed", write(reversed)),
		same("escaped", escaped[1:]),
		same("empty pairs", "&&"+plain+"&&=mallory&"),
		{name: "by GET", method: http.MethodGet, query: plain, same: true},
		{name: "the address, too", body: plain, query: with(func(p pair) []pair { return []pair{{swap(p.name), "mallory"}} }), same: true},
		{name: "other values in the address", body: plain, query: write(append([]pair{}, others(own)...)), same: true},
	}
	for _, p := range own[2:] {
		all = append(all,
			variant{name: "another " + p.name, body: write(replaced(own, p.name, p.value+"1"))},
			variant{name: "another " + p.name + " before", body: write(append([]pair{{p.name, p.value + "1"}}, own...))},
			variant{name: "an empty " + p.name, body: write(replaced(own, p.name, ""))},
			variant{name: "no " + p.name, body: write(slices.DeleteFunc(slices.Clone(own), func(o pair) bool { return o == p }))},
		)
	}
	return all
}

// rest are spellings of a call in REST: those of its body, and of its path and query string.
func (to target) rest(input any) []variant {
	all := to.objects(input)
	takesAll := to.model.Shapes[to.model.Operations[to.action].Input.Shape].Payload != ""
	if takesAll {
		all = []variant{{name: "plain", same: true}} // body and query string may be anything
	}
	escaped := ""
	for i, part := range strings.Split(strings.TrimPrefix(to.path, "/"), "/") {
		label := strings.HasPrefix(strings.Split(strings.TrimPrefix(to.model.Operations[to.action].HTTP.RequestURI, "/"), "/")[i], "{")
		escaped += "/"
		plain, err := url.PathUnescape(part)
		if err != nil {
			to.t.Fatal(err)
		}
		for _, b := range []byte(plain) {
			if label {
				escaped += fmt.Sprintf("%%%02X", b)
			} else {
				escaped += string(rune(b))
			}
		}
	}
	same := func(v variant) variant {
		v.body, v.same = all[0].body, true
		return v
	}
	all = append(all, same(variant{name: "an escaped path", path: escaped}))
	if takesAll {
		return all
	}
	return append(all,
		same(variant{name: "unknown values in the query string", query: "mallory=1&Mallory=2&maxresults=7&MaxResults=7&DataSetId=mallory&dataset-id=mallory"}),
		same(variant{name: "an empty value in the query string", query: "&&=mallory"}),
	)
}

func others(own []pair) (all []pair) {
	for _, p := range own {
		all = append(all, pair{p.name, "mallory"})
	}
	return all
}

func replaced(own []pair, name, value string) []pair {
	all := slices.Clone(own)
	for i := range all {
		if all[i].name == name {
			all[i].value = value
		}
	}
	return all
}

// objects are spellings of a call in JSON.
func (to target) objects(input any) []variant {
	each := func(members func(name, text string) []string) string {
		return jsonOf(input, func(texts map[string]string) (all []string) {
			for _, name := range slices.Sorted(maps.Keys(texts)) {
				all = append(all, members(name, texts[name])...)
			}
			return all
		})
	}
	among := func(before, after string) string {
		return jsonOf(input, func(texts map[string]string) []string {
			return slices.Concat([]string{before}, plainMembers(texts), []string{after})
		})
	}
	escape := func(s string) string {
		text := ""
		for _, r := range s {
			text += fmt.Sprintf(`\u%04x`, r)
		}
		return `"` + text + `"`
	}
	unknown := `"mallory":` + strings.Repeat(`{"mallory":[`, deep) + strings.Repeat(`]}`, deep)
	same := func(name, body string) variant { return variant{name: name, body: body, same: true} }
	all := []variant{
		same("plain", jsonOf(input, plainMembers)),
		same("unknown members", among(`"mallory":{"domain":"mallory"}`, `"":"mallory"`)),
		same("unknown deep members", among(unknown, unknown)),
		same("names of another case", among(`"x":1`, to.foreign("Domain", "DOMAIN", "Name", "NAME", "WorkflowId"))),
		same("padding", strings.TrimSuffix(jsonOf(input, plainMembers), "}")+strings.TrimPrefix(`,"padding":"`+strings.Repeat("m", padding)+`"}`, comma(input))),
		same("null before", each(func(name, text string) []string { return []string{`"` + name + `":null`, `"` + name + `":` + text} })),
		same("null behind", each(func(name, text string) []string { return []string{`"` + name + `":` + text, `"` + name + `":null`} })),
		same("twice", each(func(name, text string) []string { return []string{`"` + name + `":` + text, `"` + name + `":` + text} })),
		same("spaces", strings.NewReplacer(`":`, "\" :\n\t", `,"`, " ,\r\n\"").Replace(jsonOf(input, plainMembers))),
		same("reversed", jsonOf(input, func(texts map[string]string) []string {
			all := plainMembers(texts)
			slices.Reverse(all)
			return all
		})),
		same("escaped", each(func(name, text string) []string {
			var s string
			if json.Unmarshal([]byte(text), &s) == nil {
				text = escape(s)
			}
			return []string{escape(name) + ":" + text}
		})),
	}
	for name, v := range input.(map[string]any) {
		text := jsonOf(v, plainMembers)
		for _, other := range []string{`"mallory"`, `""`, `"1"`, `1`, `{}`, `[]`, `null`} {
			with := func(members ...string) string {
				return jsonOf(input, func(texts map[string]string) []string {
					if _, there := texts[name]; !there || texts[name] != text {
						return plainMembers(texts)
					}
					rest := maps.Clone(texts)
					delete(rest, name)
					return append(plainMembers(rest), members...)
				})
			}
			all = append(all,
				variant{name: other + " for " + name, body: with(`"` + name + `":` + other)},
				variant{name: other + " before " + name, body: with(`"`+name+`":`+other, `"`+name+`":`+text)},
				variant{name: other + " behind " + name, body: with(`"`+name+`":`+text, `"`+name+`":`+other)},
			)
		}
	}
	return all
}

// foreign are members of those names that no structure has.
func (to target) foreign(names ...string) string {
	var members []string
	for _, name := range names {
		own := false
		for _, shape := range to.model.Shapes {
			_, has := shape.Members[name]
			own = own || has
		}
		if !own {
			members = append(members, `"`+name+`":"mallory"`)
		}
	}
	return strings.Join(members, ",")
}

// comma is what an object without members does not need before another.
func comma(input any) string {
	if len(input.(map[string]any)) == 0 {
		return ","
	}
	return ""
}

// credentials are requests that name another's key beside the signer's.
func (to target) credentials(plain variant, other string) (all []variant) {
	scope := "/20260301/us-east-1/" + to.service + "/aws4_request"
	for name, change := range map[string]func(*http.Request){
		"X=Credential= before": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), " Credential=", " X=Credential="+other+scope+", Credential=", 1))
		},
		"X=Credential= behind": func(r *http.Request) {
			r.Header.Set("Authorization", r.Header.Get("Authorization")+", X=Credential="+other+scope)
		},
		"credential= before": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), " Credential=", " credential="+other+scope+",Credential =x, Credential=", 1))
		},
		"a second Credential before": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), " Credential=", " Credential="+other+scope+", Credential=", 1))
		},
		"a second Credential behind": func(r *http.Request) {
			r.Header.Set("Authorization", r.Header.Get("Authorization")+", Credential="+other+scope)
		},
		"a second Authorization": func(r *http.Request) {
			r.Header["Authorization"] = append(r.Header["Authorization"], strings.Replace(r.Header.Get("Authorization"), "Credential=", "Credential="+other+scope+"X", 1))
		},
		"a presigned Credential": func(r *http.Request) {
			r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&X-Amz-Credential="+url.QueryEscape(other+scope), "&")
		},
		"a proxy's": func(r *http.Request) {
			r.Header.Set("Proxy-Authorization", r.Header.Get("Authorization"))
			r.Header.Set("X-Access-Key", other)
		},
	} {
		v := plain
		v.name, v.change = name, change
		all = append(all, v)
	}
	v := plain
	v.name, v.query = "a signed presigned Credential", "X-Amz-Credential="+url.QueryEscape(other+scope)
	return append(all, v)
}

// judge compares what was recorded with what was executed.
func (h *oneReader) judge(mallory string) {
	t := h.t
	t.Helper()
	closeServer(t, h.Server)
	records := map[string]map[string]any{}
	lines := map[string]string{}
	for line := range strings.Lines(trailOf(t, h.cfg.Data)) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		id, _ := r["requestID"].(string)
		records[id], lines[id] = r, line
	}
	services := map[string]audited{}
	for _, s := range h.cfg.Services {
		services[s.Name] = audited{s, membersOf(s)}
	}
	type outcome struct{ record, asks, by string }
	outcomes := map[string]outcome{} // by what is executed
	executed, wrong := 0, 0
	for _, s := range h.sent {
		if wrong > 20 {
			t.Fatal("and so on")
		}
		r := records[s.id]
		if r == nil {
			if s.executed { // of refusals not all are recorded one by one
				wrong++
				t.Errorf("%s: no record; %.200s", s.what, s.answer)
			}
			continue
		}
		if key, _ := r["userIdentity"].(map[string]any)["accessKeyId"].(string); key != h.root.AccessKeyID && (s.executed || key != "") {
			// A request that names two keys is nobody's: it may name the other alone.
			wrong++
			t.Errorf("%s: recorded as the key %q's: %s", s.what, key, lines[s.id])
		}
		if twins := twins(lines[s.id]); twins != "" {
			wrong++
			t.Errorf("%s: %s stands twice in %s", s.what, twins, lines[s.id])
		}
		for _, id := range []string{"eventTime", "eventID", "requestID"} {
			delete(r, id)
		}
		if !s.executed {
			if p := r["requestParameters"]; p != nil && !strings.Contains(s.answer, "InvalidTaskToken") {
				if text, _ := json.Marshal(p); strings.Contains(strings.ToLower(string(text)), "unknownmember") {
					t.Errorf("%s: %s", s.what, text)
				}
			}
			continue
		}
		executed++
		name, _, _ := strings.Cut(s.what, ",")
		service, _, _ := strings.Cut(name, " ")
		want := services[service].members.Show([]byte(s.input), 0, true)
		got, _ := json.Marshal(r["requestParameters"])
		if !sameJSON(string(got), string(want)) {
			wrong++
			t.Errorf("%s: recorded %.300s\nexecuted %.300s", s.what, got, want)
		}
		delete(r, "userAgent")
		whole, _ := json.Marshal(r)
		o := outcome{string(whole), h.asks[s.id], s.what}
		before, known := outcomes[name+s.input]
		if !known {
			outcomes[name+s.input] = o
			continue
		}
		if before.record != o.record {
			wrong++
			t.Errorf("%s is recorded otherwise than %s:\n%.500s\n%.500s", s.what, before.by, o.record, before.record)
		}
		if before.asks != o.asks {
			wrong++
			t.Errorf("%s asks otherwise than %s:\n%s\n%s", s.what, before.by, o.asks, before.asks)
		}
	}
	for _, line := range lines {
		if strings.Contains(line, mallory) {
			t.Errorf("another's key is in %s", line)
		}
	}
	if executed < 2000 {
		t.Errorf("only %d requests were executed", executed)
	}
	t.Logf("%d requests, %d executed, %d different inputs", len(h.sent), executed, len(outcomes))
}

// twins names a member that stands twice in an object of a record.
func twins(line string) string {
	d := json.NewDecoder(strings.NewReader(line))
	var read func() string
	read = func() string {
		token, err := d.Token()
		if err != nil {
			return err.Error()
		}
		delim, nested := token.(json.Delim)
		if !nested {
			return ""
		}
		seen := map[string]bool{}
		for d.More() {
			if delim == '{' {
				key, err := d.Token()
				if err != nil {
					return err.Error()
				}
				name := strings.ToLower(key.(string))
				if seen[name] {
					return name
				}
				seen[name] = true
			}
			if found := read(); found != "" {
				return found
			}
		}
		_, _ = d.Token()
		return ""
	}
	return read()
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return a == b
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return string(p) == string(q)
}
