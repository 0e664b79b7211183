package shape

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/go-faster/jx"
)

func TestAppendString(t *testing.T) {
	for in, want := range map[string]string{
		"":                     `""`,
		"plain":                `"plain"`,
		"a\"b\\c\nd\re\tf\x00": `"a\"b\\c\nd\re\tf\u0000"`,
		"\x1f\x7f":             "\"\\u001f\x7f\"",
		"\b\f":                 `"\b\f"`,
		"<a>&amp;/":            `"<a>&amp;/"`,
		"snow ☃ 𝄞":             `"snow ☃ 𝄞"`,
		"bad \xff\xfe end\xc3": `"bad �� end�"`,
		"\ufffd":               `"` + "\ufffd" + `"`,
	} {
		got := string(AppendString(nil, in))
		if got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%q: not JSON: %s", in, got)
		}
	}
}

// What is stored of a text is never longer than what came: bounds of turns rest on it.
func TestTextsDoNotGrow(t *testing.T) {
	for c := range rune(0x300) {
		forms := []string{fmt.Sprintf(`"\u%04x"`, c), `"` + string(c) + `"`}
		if c < 0x80 {
			forms = append(forms, `"\`+string(c)+`"`)
		}
		for _, form := range forms {
			s, ok, err := DecodeString(jx.DecodeStr(form))
			if !ok || err != nil {
				continue
			}
			if written := AppendString(nil, s); len(written) > len(form) {
				t.Errorf("%s is written as %s", form, written)
			}
		}
	}
	for _, form := range []string{`"\ud83d\ude00"`, `"\ud83d"`, `"\u2028"`, "\"\u2028\"", "\"\xff\""} {
		if s, ok, err := DecodeString(jx.DecodeStr(form)); ok && err == nil && len(AppendString(nil, s)) > len(form) {
			t.Errorf("%q is written as %q", form, AppendString(nil, s))
		}
	}
}

func TestAppendTimestamp(t *testing.T) {
	for in, want := range map[Timestamp]string{
		0: "0", 1: "0.001", 10: "0.01", 100: "0.1", 1000: "1", 1100: "1.1",
		1492443961284: "1492443961.284", 1497371589140: "1497371589.14", 1497371589000: "1497371589",
		1497371589001: "1497371589.001", -1500: "-1.5", -1: "-0.001",
	} {
		if got := string(AppendTimestamp(nil, in)); got != want {
			t.Errorf("%d: got %s, want %s", in, got, want)
		}
	}
}
