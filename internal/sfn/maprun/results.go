package maprun

import (
	"fmt"
	"strings"

	"heddle/internal/engine"
	"heddle/internal/sfn/execution"
	"heddle/jsonvalue"
)

// For who writes results. Write asks what is to be written; the reply is a *Writing. Wrote says
// that it was, WriteFailed why nothing will be. Errors: *ClosedError if that is not wanted.
type (
	Write struct{ Write int64 }
	Wrote struct {
		Write   int64
		Results int64 // how many
		Files   []File
		Listed  bool // the manifest is written
	}
	WriteFailed struct {
		Write       int64
		Name, Cause string
	}
)

// Writing is what is to be written: files of results, or the manifest. It is the same whenever
// it is asked for, until it was written, but that there may be more results in a file.
type Writing struct {
	Order   execution.MapRunOrder
	Files   []File
	Results int64
	Listed  bool // it is the manifest
	Started engine.Time
}

// File is a file of results, or the manifest.
type File struct {
	Status string // of the results
	Name   string
	Size   int64
	Text   string
}

// Manifest is the name of the manifest.
const Manifest = "manifest.json"

// WriterFailed is the error of a map run whose results can't be written.
const WriterFailed = "States.ResultWriterFailed"

func (s *State) writable(write int64) bool { return s.wantsWrite() && write == s.nextWrite() }

// pending is the status of what has not begun.
const pending = "PENDING"

// kinds are what files of results are called by what became of the executions.
var kinds = []string{"FAILED", pending, "SUCCEEDED"}

// kind is the kind of file that results of a status are in.
func kind(status string) string {
	if status == execution.Succeeded {
		return "SUCCEEDED"
	}
	return "FAILED"
}

// toWrite gives what is to be written now.
func (s *State) toWrite() *Writing {
	w := &Writing{Order: s.plain(), Started: s.Started}
	if left := s.pending(); len(s.results) == 0 && len(left) > 0 {
		bytes := 0
		var texts []string
		for _, text := range left {
			if bytes += len(text); bytes > resultsEnough && len(texts) > 0 {
				break
			}
			texts = append(texts, text)
		}
		w.Results, w.Files = int64(len(texts)), []File{s.file(pending, texts)}
		return w
	}
	if len(s.results) == 0 {
		text := s.manifest()
		w.Listed, w.Files = true, []File{{Name: Manifest, Size: int64(len(text)), Text: text}}
		return w
	}
	w.Results = int64(len(s.results))
	for _, of := range kinds {
		var texts []string
		for i := range s.results {
			if r := &s.results[i]; kind(r.status) == of {
				transformation := s.order.Writer.Transformation
				if r.status != execution.Succeeded {
					transformation = ""
				}
				texts = append(texts, flattened(s.text(r.text), transformation)...)
			}
		}
		if len(texts) == 0 {
			continue
		}
		w.Files = append(w.Files, s.file(of, texts))
	}
	return w
}

// file is the next file of a kind, with these results.
func (s *State) file(kind string, texts []string) File {
	text := "[" + strings.Join(texts, ",") + "]"
	if s.order.Writer.Lines {
		text = strings.Join(texts, "\n") + "\n"
	}
	return File{Status: kind, Name: s.fileName(kind, s.filesOf(kind)), Size: int64(len(text)), Text: text}
}

// pending are the results, not written yet, of what has not begun and will not, since the map
// run is ending: of items that were read, or of executions.
func (s *State) pending() (texts []string) {
	if s.ending == "" {
		return nil
	}
	add := func(input string) {
		included := jsonvalue.NewObject(1)
		included.Set("Included", true)
		o := jsonvalue.NewObject(3)
		if input != "" {
			o.Set("Input", input)
			o.Set("InputDetails", included)
		}
		o.Set("Status", pending)
		texts = append(texts, jsonvalue.Text(o))
	}
	for range s.todo { // its input is in the file of when it failed
		add("")
	}
	for i := range s.back {
		add(s.text(s.back[i].input))
	}
	for i, item := range s.window {
		text := s.text(item)
		if s.order.Described && !s.isSelected(s.next+int64(i)) {
			text = jsonvalue.Text(execution.PlainItem(value(text).(*jsonvalue.Object)))
		}
		add(text)
	}
	return texts[s.pended:]
}

// flattened is a result as it stands among others: of FLATTEN, the elements of a list.
func flattened(text, transformation string) []string {
	if transformation != "FLATTEN" {
		return []string{text}
	}
	list, ok := value(text).([]any)
	if !ok {
		return []string{text}
	}
	texts := make([]string, 0, len(list))
	for _, v := range list {
		texts = append(texts, jsonvalue.Text(v))
	}
	return texts
}

func (s *State) filesOf(kind string) (n int) {
	for i := range s.files {
		if s.files[i].status == kind {
			n++
		}
	}
	return n
}

func (s *State) fileName(kind string, n int) string {
	extension := "json"
	if s.order.Writer.Lines {
		extension = "jsonl"
	}
	return fmt.Sprintf("%s_%d.%s", kind, n, extension)
}

// manifest lists the files that were written, of executions without success since the last redrive.
func (s *State) manifest() string {
	bucket, prefix := s.plain().Writer.Place(s.id.Name)
	files := jsonvalue.NewObject(len(kinds))
	for _, of := range kinds {
		list, n := []any{}, 0
		for i := range s.files {
			f := &s.files[i]
			if f.status != of {
				continue
			}
			if f.size != supersededSize {
				entry := jsonvalue.NewObject(2)
				entry.Set("Key", prefix+s.fileName(of, n))
				entry.Set("Size", float64(f.size))
				list = append(list, entry)
			}
			n++
		}
		files.Set(of, list)
	}
	m := jsonvalue.NewObject(3)
	m.Set("DestinationBucket", bucket)
	m.Set("MapRunArn", execution.MapRunARN(s.id.Name))
	m.Set("ResultFiles", files)
	return jsonvalue.Text(m)
}
