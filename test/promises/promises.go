// Package promises keeps the documents honest. A sentence of ACCESS.md, OPERATING.md
// or ARCHITECTURE.md with a word such as "only" or "never" is a promise, and promises.txt
// names the tests that try to break it:
//
//	# docs/ACCESS.md
//
//	A user has two keys at most
//		internal/iam/account TestQuotasOfOne
//
//	keep it here: whoever has it needs nothing else
//		advice: what the reader should do
//
// A part of the sentence is enough, if no other sentence has it and it has the word. A
// test is a folder and a function, with a subtest or a file in testdata after a slash;
// or a file that is not Go's and a word in it. The package's test says which promise
// has no row, which row's sentence is gone, and which test does not exist.
package promises

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// words make a sentence a promise; "read-only" is another word.
var words = regexp.MustCompile(`(?i)(?:^|[^\w-])(ends?( early)? with|needs?|only|never|always|at most|nobody|nothing|no other)\b`)

// row is a promise, or a part of one, and what tries to break it.
type row struct {
	line           int
	document, part string
	tests          []string
	advice         bool
}

func parse(ledger string) ([]row, error) {
	var rows []row
	document := ""
	for i, line := range strings.Split(ledger, "\n") {
		text := strings.TrimSpace(line)
		switch indented := strings.HasPrefix(line, "\t"); {
		case text == "":
		case !indented && strings.HasPrefix(line, "# "):
			document = line[len("# "):]
		case !indented:
			rows = append(rows, row{line: i + 1, document: document, part: text})
		case len(rows) == 0:
			return nil, fmt.Errorf("line %d: a test without a sentence", i+1)
		case strings.HasPrefix(text, "advice: "):
			rows[len(rows)-1].advice = true
		default:
			last := &rows[len(rows)-1]
			last.tests = append(last.tests, text)
		}
	}
	return rows, nil
}

// problems compares the documents, by name, with the ledger; missing says what is wrong
// with the name of a test, and nothing if it is there.
func problems(documents map[string]string, rows []row, missing func(test string) string) []string {
	var found []string
	complain := func(r row, format string, args ...any) {
		found = append(found, fmt.Sprintf("line %d, %q: ", r.line, r.part)+fmt.Sprintf(format, args...))
	}
	parts := map[string][]row{} // by sentence
	all := map[string][]string{}
	for name, text := range documents {
		all[name] = sentences(text)
	}
	for _, r := range rows {
		var holders []string
		for _, s := range all[r.document] {
			if strings.Contains(s, r.part) {
				holders = append(holders, s)
			}
		}
		if slices.Contains(holders, r.part) { // a whole one, such as a cell
			holders = []string{r.part}
		}
		switch {
		case len(holders) == 0:
			complain(r, "%s has no such sentence; what does it promise now?", r.document)
		case len(holders) > 1:
			complain(r, "%d sentences have it; take a longer part", len(holders))
		case !words.MatchString(r.part):
			complain(r, "it has no word that promises")
		default:
			key := r.document + "\n" + holders[0]
			parts[key] = append(parts[key], r)
		}
		switch {
		case !r.advice && len(r.tests) == 0:
			complain(r, "no test tries to break it")
		case r.advice && len(r.tests) > 0:
			complain(r, "it is advice or has tests, not both")
		}
		for _, test := range r.tests {
			if why := missing(test); why != "" {
				complain(r, "%s: %s", test, why)
			}
		}
	}
	for name := range documents {
		for _, s := range all[name] {
			if word := uncovered(s, parts[name+"\n"+s]); word != "" {
				found = append(found, fmt.Sprintf("%s promises with %q, and the ledger has no row for it: %s", name, word, s))
			}
		}
	}
	return found
}

// uncovered is a word of a promise that is in no row's part of it.
func uncovered(sentence string, rows []row) string {
	for _, found := range words.FindAllStringSubmatchIndex(sentence, -1) {
		at, covered := found[2:], false
		for _, r := range rows {
			begin := strings.Index(sentence, r.part)
			covered = covered || begin <= at[0] && at[1] <= begin+len(r.part)
		}
		if !covered {
			return sentence[at[0]:at[1]]
		}
	}
	return ""
}

var (
	item = regexp.MustCompile(`^\s*([-*]|\d+\.) `)
	// A sentence goes on where no capital, code or link follows: "1. each", "… or".
	sentenceEnd = regexp.MustCompile("([.!?][)*`\"]*) +([A-Z`*(\"\\[])")
)

// sentences are those of a document in Markdown: of its paragraphs, list items and cells
// of tables; but not of headings, code and the tables that are generated.
func sentences(markdown string) []string {
	var all, paragraph []string
	flush := func() {
		text := sentenceEnd.ReplaceAllString(strings.Join(paragraph, " "), "$1\n$2")
		for s := range strings.SplitSeq(text, "\n") {
			if s != "" {
				all = append(all, s)
			}
		}
		paragraph = nil
	}
	code, generated := false, false
	for line := range strings.SplitSeq(markdown, "\n") {
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(text, "```"):
			code = !code
			flush()
		case code:
		case strings.HasPrefix(text, "<!-- settings"):
			generated = true
			flush()
		case strings.HasPrefix(text, "<!-- end"):
			generated = false
		case generated:
		case text == "", strings.HasPrefix(line, "#"):
			flush()
		case strings.HasPrefix(text, "|"):
			flush()
			const bar = "\x00" // one within a cell
			for cell := range strings.SplitSeq(strings.ReplaceAll(text, `\|`, bar), "|") {
				paragraph = []string{strings.ReplaceAll(strings.TrimSpace(cell), bar, `\|`)}
				flush()
			}
		default:
			if item.MatchString(line) {
				flush()
			}
			paragraph = append(paragraph, text)
		}
	}
	flush()
	return all
}
