package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// recording is one recorded case: what a client did, step by step, and what AWS
// answered.
type recording struct {
	Category string   `json:"-"` // the name of its file
	ID       string   `json:"id"`
	Recorded string   `json:"recorded"` // the day
	Needs    []string `json:"needs"`    // other services: lambda, s3, sqs

	served []string   // services that this command stands in for
	Lambda []function `json:"lambda"`
	Steps  []step     `json:"steps"`
	unread error      // why it can't be played
}

// function is a Lambda function that a case needs.
type function struct {
	Name         string          `json:"function"`
	Returns      string          `json:"returns"` // @input, @repeat:a:N, or a JSON text
	AfterSeconds float64         `json:"afterSeconds"`
	Fails        json.RawMessage `json:"fails"`
}

// step is one step of a case. Which members it has tells what it is.
type step struct {
	Call     string          `json:"call"`
	Service  string          `json:"service"` // of the call; Step Functions if empty
	Request  json.RawMessage `json:"request"`
	AllPages bool            `json:"allPages"`

	// What was recorded of the answer; all nil: the call just succeeded.
	Reply  json.RawMessage `json:"reply"`
	Error  map[string]any  `json:"error"`
	Output json.RawMessage `json:"output"`
	Bind   json.RawMessage `json:"bind"`
	Later  []string        `json:"later"`

	Wait      string `json:"wait"`
	Execution string `json:"execution"`

	Worker *worker `json:"worker"`

	TokenWorker *tokenWorker `json:"tokenWorker"`
}

// worker is a worker of an activity, beside the steps.
type worker struct {
	ActivityArn string `json:"activityArn"`
	WorkerName  string `json:"workerName"`
	Does        string `json:"does"` // succeed, fail, heartbeat, nothing
	Error       string `json:"error"`
}

// elsewhere is the service that a case needs and that this command has no
// stand-in for; none if it can be played.
func (r *recording) elsewhere() string {
	others := slices.DeleteFunc(slices.Clone(r.Needs), func(s string) bool { return slices.Contains(r.served, s) })
	return strings.Join(others, ", ")
}

// readRecordings reads the cases of files, one file a category.
func readRecordings(files []string) ([]*recording, error) {
	var all []*recording
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var list []json.RawMessage
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, fmt.Errorf("read %q: %w", file, err)
		}
		for i, text := range list {
			r, err := readRecording(text)
			if err != nil {
				return nil, fmt.Errorf("read case %d of %q: %w", i, file, err)
			}
			r.Category = strings.TrimSuffix(filepath.Base(file), ".json")
			all = append(all, r)
		}
	}
	return all, nil
}

// readRecording reads a case. One with members that this command doesn't know would
// be played wrongly, so it fails.
func readRecording(text []byte) (*recording, error) {
	r := &recording{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	d.DisallowUnknownFields()
	if strange := d.Decode(r); strange != nil {
		r = &recording{unread: strange}
		var named struct{ ID string }
		if err := json.Unmarshal(text, &named); err != nil {
			return nil, err
		}
		r.ID = named.ID
	}
	r.served = []string{"lambda", "sqs", "s3"}
	return r, nil
}

// decode reads one JSON value; numbers keep their text.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one value")
	}
	return v, nil
}
