package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/shape"
	"heddle/internal/secretfile"
)

// OTLP is a collector of OpenTelemetry, or what else speaks its protocol over HTTP with JSON:
// what is logged goes to /v1/logs at the endpoint, spans to /v1/traces.
//
// Source: OpenTelemetry Protocol Specification 1.5, "OTLP/HTTP" and "JSON Protobuf Encoding".
type OTLP struct {
	URL     string `json:"endpoint"`
	Headers string `json:"headers"` // file with a header such as "authorization: Bearer …" on each line; empty: none

	headers http.Header
}

func (o *OTLP) fill() error {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("endpoint %q: want one such as http://127.0.0.1:4318", o.URL)
	}
	o.URL = strings.TrimSuffix(o.URL, "/")
	if o.Headers == "" {
		return nil
	}
	text, err := secretfile.Read(o.Headers)
	if err != nil {
		return fmt.Errorf("headers %q: %w", o.Headers, err)
	}
	o.headers = http.Header{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if value = strings.TrimSpace(value); !ok || value == "" || strings.ContainsAny(name, " \t") {
			return fmt.Errorf(`headers %q: want a line such as "authorization: Bearer …" for each`, o.Headers) // without the text
		}
		o.headers.Add(textproto.CanonicalMIMEHeaderKey(name), value)
	}
	return nil
}

// otlp sends to a collector.
type otlp struct {
	*OTLP
	client *http.Client
	types  string
}

func newOTLP(o *OTLP, types string) *otlp { return &otlp{o, newClient(), types} }

func (o *otlp) close() error {
	o.client.CloseIdleConnections()
	return nil
}

func (o *otlp) send(ctx context.Context, events []event) error {
	path, body := "/v1/logs", []byte(nil)
	if o.types == typesSpans {
		path, body = "/v1/traces", appendSpans(nil, events)
	} else {
		body = appendLogs(nil, events)
	}
	if body == nil {
		return nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range o.headers {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "heddle")
	answer, err := o.client.Do(r)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerBytesMax))
	err = errors.Join(err, answer.Body.Close())
	switch code := answer.StatusCode; {
	case code >= 200 && code <= 299:
		if why := rejected(text); err == nil && why != "" {
			return &refusedError{"the collector rejected " + why}
		}
		return err
	case code == http.StatusBadRequest || code == http.StatusRequestEntityTooLarge || code == http.StatusUnprocessableEntity:
		return &refusedError{"the collector answered " + answer.Status}
	case code == http.StatusNotFound || code == http.StatusMethodNotAllowed:
		return fmt.Errorf("the collector answered %s: it takes no %s at %s", answer.Status, o.types, path)
	}
	return fmt.Errorf("the collector answered %s", answer.Status)
}

// rejected tells what of a request was rejected, and why; "": nothing was.
func rejected(answer []byte) string {
	var a struct {
		Partial struct {
			Spans   json.RawMessage `json:"rejectedSpans"`
			Records json.RawMessage `json:"rejectedLogRecords"`
			Message string          `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if json.Unmarshal(answer, &a) != nil {
		return "" // protobuf, or nothing
	}
	for _, n := range []json.RawMessage{a.Partial.Spans, a.Partial.Records} {
		if count := strings.Trim(string(n), `"`); count != "" && count != "0" && count != "null" {
			return count + ": " + a.Partial.Message
		}
	}
	return ""
}

// origin is where something comes from, as resources of OpenTelemetry have it.
type origin struct{ service, account, region, group string }

// appendOrigin appends a resource.
func (o *origin) append(b []byte) []byte {
	b = append(b, `{"resource":{"attributes":[`...)
	first := true
	for _, a := range [][2]string{{"service.name", o.service}, {"cloud.account.id", o.account}, {"cloud.region", o.region}, {"aws.log.group.arns", o.group}} {
		if a[1] == "" {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, `{"key":"`...)
		b = append(b, a[0]...)
		b = append(b, `","value":{"stringValue":`...)
		b = append(shape.AppendString(b, a[1]), `}}`...)
	}
	return append(b, `]},`...)
}

// enveloped is what comes with the detail of an event.
type enveloped struct {
	Account   string          `json:"account"`
	Region    string          `json:"region"`
	Resources []string        `json:"resources"`
	Detail    json.RawMessage `json:"detail"`
}

// appendSpans appends a request with the spans of events, those of one origin together; nil:
// there are none.
func appendSpans(b []byte, events []event) []byte {
	var origins []origin
	spans := map[origin][]byte{}
	for i := range events {
		var e enveloped
		var detail struct {
			Service string          `json:"service"`
			Spans   json.RawMessage `json:"spans"`
		}
		if sortOf(events[i].body) != typesSpans || json.Unmarshal(events[i].body, &e) != nil || json.Unmarshal(e.Detail, &detail) != nil {
			continue // that some were lost is not told by a span
		}
		o := origin{service: detail.Service, account: e.Account, region: e.Region}
		before, there := spans[o]
		if !there {
			origins = append(origins, o)
		} else {
			before = append(before, ',')
		}
		spans[o] = append(before, bytes.Trim(detail.Spans, "[]")...)
	}
	if len(origins) == 0 {
		return nil
	}
	b = append(b, `{"resourceSpans":[`...)
	for i := range origins {
		if i > 0 {
			b = append(b, ',')
		}
		b = origins[i].append(b)
		b = append(b, `"scopeSpans":[{"scope":{"name":"heddle"},"spans":[`...)
		b = append(b, spans[origins[i]]...)
		b = append(b, `]}]}`...)
	}
	return append(b, `]}`...)
}

// record is what is read of what is logged.
type record struct {
	Type      string `json:"type"`
	At        string `json:"event_timestamp"` // milliseconds
	Execution string `json:"execution_arn"`
}

// machine is the state machine of the execution.
func (r *record) machine() string {
	a, err := arn.Parse(r.Execution)
	if parts := strings.Split(a.Resource, ":"); err == nil && len(parts) > 1 {
		machine, _, _ := strings.Cut(parts[1], "/") // without the label of a map run
		return machine
	}
	return ""
}

// Severities as the protocol numbers them.
const (
	severityInfo  = 9
	severityError = 17
)

// appendLogs appends a request with what events log, in their order.
func appendLogs(b []byte, events []event) []byte {
	b = append(b, `{"resourceLogs":[`...)
	var last *origin
	for i := range events {
		var e enveloped
		var r record
		body := events[i].body
		if json.Unmarshal(body, &e) != nil {
			continue
		}
		o := origin{account: e.Account, region: e.Region}
		severity := severityError
		if sortOf(body) == typesLogs && json.Unmarshal(e.Detail, &r) == nil {
			o.service, body = r.machine(), e.Detail
			if len(e.Resources) > 0 {
				o.group = e.Resources[0]
			}
			wrong := func(end string) bool { return strings.HasSuffix(r.Type, end) }
			if !slices.ContainsFunc([]string{"Failed", "TimedOut", "Aborted", "FailStateEntered"}, wrong) {
				severity = severityInfo
			}
		}
		switch {
		case last == nil:
			b = append(o.append(b), `"scopeLogs":[{"scope":{"name":"heddle"},"logRecords":[`...)
		case *last != o:
			b = append(b, `]}]},`...)
			b = append(o.append(b), `"scopeLogs":[{"scope":{"name":"heddle"},"logRecords":[`...)
		default:
			b = append(b, ',')
		}
		last = &o
		b = append(b, '{')
		if ms, err := strconv.ParseInt(r.At, 10, 64); err == nil {
			b = append(b, `"timeUnixNano":"`...)
			b = strconv.AppendInt(b, ms*1_000_000, 10)
			b = append(b, `",`...)
		}
		b = append(b, `"severityNumber":`...)
		b = strconv.AppendInt(b, int64(severity), 10)
		b = append(b, `,"body":{"stringValue":`...)
		b = shape.AppendString(b, string(body))
		b = append(b, `},"attributes":[`...)
		for j, a := range [][2]string{{"aws.stepfunctions.execution.arn", r.Execution}, {"event.name", r.Type}, {"log.record.uid", events[i].id}} {
			if j > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"key":"`...)
			b = append(b, a[0]...)
			b = append(b, `","value":{"stringValue":`...)
			b = append(shape.AppendString(b, a[1]), `}}`...)
		}
		b = append(b, `]}`...)
	}
	if last == nil {
		return nil
	}
	return append(b, `]}]}]}`...)
}
