package main

import (
	"regexp"
	"strings"
)

// part is what is done with one server.
type part struct {
	line    int    // where it begins
	before  string // done before the server starts
	flags   string
	files   []file
	steps   []step
	stopped []step // done after the server has ended
}

type file struct{ name, text string }

// step is a block of commands.
type step struct {
	line   int
	script string
	says   []string // lines that it must say
	folder bool     // of a server that has its folder alone
}

// serves finds the flags of the line that starts a server.
var serves = regexp.MustCompile(`(?:^|[ /])heddle serve(?: (.*))?$`)

// parts reads a page. A page without commands has none.
func parts(page string) []*part {
	var all []*part
	var files []file
	current := &part{line: 1}
	var info string
	var block []string
	began := 0
	var said *[]step // whose last one what follows is said by
	close := func() {
		text := strings.Join(block, "\n") + "\n"
		info, folder := strings.CutSuffix(info, " folder")
		language, name, _ := strings.Cut(info, " ")
		after := said
		said = nil
		switch {
		case info == "sh serve":
			current = &part{line: began}
			last := block[len(block)-1]
			if found := serves.FindStringSubmatch(last); found != nil {
				current.flags = found[1]
			}
			current.before = strings.Join(block[:len(block)-1], "\n")
		case info == "sh" || info == "sh stopped":
			if len(current.steps)+len(current.stopped) == 0 {
				all = append(all, current)
			}
			to := &current.steps
			if info == "sh stopped" {
				to = &current.stopped
			}
			*to = append(*to, step{line: began, script: text, folder: folder})
			said = to
		case info == "text" && after != nil:
			(*after)[len(*after)-1].says = block
		case name != "" && language != "sh":
			files = append(files, file{name, text})
		}
	}
	for i, line := range strings.Split(page, "\n") {
		opened, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && began == 0:
			info, block, began = opened, nil, i+1
		case fence:
			close()
			info, began = "", 0
		case began > 0:
			block = append(block, line)
		case strings.HasPrefix(line, "#"):
			said = nil // what stands in another section is of no block of this
		}
	}
	for _, p := range all {
		p.files = files
	}
	return all
}

// What differs each time.
var varies = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?`), "TIME"},
	{regexp.MustCompile(`\b1\d{9}\.\d+`), "TIME"},
	{regexp.MustCompile(`[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`22[A-Za-z0-9+/]{40,44}=`), "RUN"},
	{regexp.MustCompile(`\b\d+ rows\b`), "SOME rows"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`\d+(\.\d+)? (ms|s|min)\b`), "SOME TIME"},
	{regexp.MustCompile(`[ \t]+`), " "},
}

func sameEachTime(line string) string {
	for _, v := range varies {
		line = v.what.ReplaceAllString(line, v.by)
	}
	return strings.TrimSpace(line)
}

// lacks gives the first line that was not said after those before it. A line may be
// part of a longer one; one that is only … stands for any.
func lacks(said string, lines []string) string {
	heard := strings.Split(said, "\n")
	for _, want := range lines {
		like := sameEachTime(want)
		if like == "" || like == "…" {
			continue
		}
		for {
			if len(heard) == 0 {
				return want
			}
			line := sameEachTime(heard[0])
			heard = heard[1:]
			if strings.Contains(line, like) {
				break
			}
		}
	}
	return ""
}
