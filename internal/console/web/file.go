package web

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"heddle/internal/aws/fault"
	"heddle/internal/console/past"
	"heddle/internal/console/view"
)

const (
	filePath = "/-file"
	// fileMax is how large a file may be that is looked at, in bytes, and filesMax how many are
	// at a time: they are in memory meanwhile, and nowhere else.
	fileMax  = 24 << 20
	filesMax = 4
)

type fileView struct {
	Frame
	*view.Execution        // nil: no file has been sent
	Asked           string // what is looked at of it, as addresses have it
	Wrong           string
}

// file shows a history from a file, of which nothing is kept.
func (v *visit) file() (*answer, error) {
	x := &fileView{Frame: v.frame("Open a file"), Asked: v.URL.RawQuery}
	page := &answer{template: "file", view: x, fragment: "file"}
	if v.Method != http.MethodPost {
		return page, nil
	}
	select {
	case v.files <- struct{}{}:
		defer func() { <-v.files }()
	default:
		return nil, fault.Throttled()
	}
	if err := x.read(v.Request); err != nil {
		x.Wrong = err.Error()
		if !isPartial(v.Request) {
			page.status = http.StatusBadRequest
		}
	}
	return page, nil
}

var errNoFile = errors.New("there is no file, or nothing in it")

// read reads what was sent.
func (x *fileView) read(r *http.Request) error {
	parts, err := r.MultipartReader()
	if err != nil {
		return errNoFile
	}
	var raw []byte
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errLarge
		}
		b, err := io.ReadAll(part)
		if err != nil {
			return errLarge
		}
		switch name := part.FormName(); {
		case name == "q":
			x.Asked = string(b)
		case (name == "file" || name == "text") && len(b) > 0:
			raw = b
		}
	}
	if strings.TrimSpace(string(raw[:min(len(raw), 64)])) == "" {
		return errNoFile
	}
	events, err := past.ReadFile(bytes.NewReader(raw))
	if errors.Is(err, past.ErrNoEvents) {
		return errNoFile
	}
	if err != nil {
		return err
	}
	all, err := events.Workflow()
	if err != nil {
		return err
	}
	asked, err := url.ParseQuery(x.Asked)
	if err != nil {
		asked, x.Asked = url.Values{}, ""
	}
	x.Execution = view.NewFile(&view.Facts{Events: all, Raw: events.Raw}, view.ReadQuery(asked), func(q view.Query) string {
		if s := q.String(); s != "" {
			return s
		}
		return "?"
	})
	return nil
}

var errLarge = errors.New("the file can't be read to its end, or it has more than 24 MiB")
