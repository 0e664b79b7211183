package jsonata

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heddle/jsonvalue"
)

// suiteCase is a case of the test suite of jsonata-js, as recorded.
type suiteCase struct {
	name   string
	fields *jsonvalue.Object
	input  any
}

func (c *suiteCase) get(name string) any {
	if v, found := c.fields.Get(name); found {
		return v
	}
	return Undefined
}

func (c *suiteCase) text(name string) string {
	s, _ := c.get(name).(string)
	return s
}

// suite reads the recorded cases, by group.
func suite(tb testing.TB) map[string][]*suiteCase {
	dir := os.Getenv("HEDDLE_RECORDINGS")
	if dir == "" {
		tb.Skip("HEDDLE_RECORDINGS does not name the folder of the recordings, which are not part of this repository")
	}
	dir = filepath.Join(dir, "jsonata")
	read := func(path string) any {
		text, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		v, err := jsonvalue.Parse(text)
		if err != nil {
			tb.Fatal(path, err)
		}
		return v
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		tb.Fatal("no cases in", dir, err)
	}
	data := map[string]any{}
	groups := map[string][]*suiteCase{}
	for _, file := range files {
		group := strings.TrimSuffix(filepath.Base(file), ".json")
		for _, v := range read(file).([]any) {
			c := &suiteCase{fields: v.(*jsonvalue.Object)}
			c.name = group + "/" + c.text("description") + "/" + c.text("expr")
			c.input = c.get("data")
			if set := c.text("dataset"); set != "" {
				if data[set] == nil {
					data[set] = read(filepath.Join(dir, "datasets", set+".json"))
				}
				c.input = data[set]
			}
			groups[group] = append(groups[group], c)
		}
	}
	return groups
}

func (c *suiteCase) run() (any, error) {
	x, err := Compile(c.text("expr"))
	if err != nil {
		return nil, err
	}
	return c.evaluate(x)
}

func (c *suiteCase) evaluate(x *Expression) (any, error) {
	o := &Options{Now: time.UnixMilli(1_700_000_000_000), Random: rand.New(rand.NewPCG(1, 2)).Float64, Limits: Limits{Steps: 1 << 40, Bytes: 1 << 33}}
	if b, is := c.get("bindings").(*jsonvalue.Object); is {
		o.Bindings = map[string]any{}
		for name, v := range b.All() {
			o.Bindings[name] = v
		}
	}
	if d, is := number(c.get("depth")); is {
		o.Limits.Depth = int(d)
	}
	ctx := context.Background()
	if ms, is := number(c.get("timelimit")); is {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
		defer cancel()
	}
	return x.Evaluate(ctx, c.input, o)
}

// judge says what is wrong with an outcome, "" if nothing is.
func (c *suiteCase) judge(got any, err error) string {
	code, token := c.text("code"), c.text("token")
	want, isError := c.get("error").(*jsonvalue.Object)
	message := ""
	if isError {
		get := func(name string) string {
			v, _ := want.Get(name)
			s, _ := v.(string)
			return s
		}
		code, token, message = get("code"), get("token"), get("message")
	}
	if err != nil {
		e := err.(*Error)
		switch {
		case code == "":
			return "error " + err.Error()
		case code == "U1001" && (e.Code == "D1011" || e.Code == "D1012"):
			// The suite's own guard, which jsonata-js has built in since.
		case e.Code != code:
			return "error " + err.Error() + ", wanted " + code
		case token != "" && e.Token != token:
			return "error at token " + e.Token + ", wanted " + token
		case message != "" && e.Message != message:
			return "error says " + e.Message + ", wanted " + message
		}
		return ""
	}
	if code != "" {
		return "got " + show(got) + ", wanted error " + code
	}
	if c.get("undefinedResult") == true {
		if !isUndefined(got) {
			return "got " + show(got) + ", wanted nothing"
		}
		return ""
	}
	result := c.get("result")
	if c.get("unordered") == true {
		a, isA := got.([]any)
		b, isB := result.([]any)
		if isA && isB && len(a) == len(b) {
			rest := append([]any(nil), b...)
			for _, v := range a {
				for i := range rest {
					if jsonvalue.Equal(v, rest[i]) {
						rest = append(rest[:i], rest[i+1:]...)
						break
					}
				}
			}
			if len(rest) == 0 {
				return ""
			}
		}
	} else if !isUndefined(got) && jsonvalue.Equal(got, result) {
		return ""
	}
	return "got " + show(got) + ", wanted " + show(result)
}

func show(v any) string {
	if isUndefined(v) {
		return "nothing"
	}
	s := quoted(v)
	if len(s) > 300 {
		s = s[:300] + "…"
	}
	return s
}

// TestSuite plays the test suite of jsonata-js.
func TestSuite(t *testing.T) {
	cases, good := 0, 0
	for group, list := range suite(t) {
		for _, c := range list {
			cases++
			if problem := c.judge(c.run()); problem != "" {
				t.Errorf("%s: %s: %s", group, c.name, problem)
			} else {
				good++
			}
		}
	}
	t.Logf("%d of %d cases", good, cases)
}
