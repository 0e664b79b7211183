package httptask

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Exchange is what an HTTP task sent and got, for who tests it (Step Functions API Reference,
// InspectionData).
type Exchange struct {
	Secrets bool // also what the connection adds to the request is told

	Request  *Asked // nil: nothing could be asked
	Response *Heard // nil: nothing was answered, or it was too large
}

// Asked is a request. Headers are "[name: value, name: value]".
type Asked struct{ Protocol, Method, URL, Headers, Body string }

// Heard is a response.
type Heard struct{ Protocol, StatusCode, StatusMessage, Headers, Body string }

func (e *Exchange) asks(q *http.Request, body []byte) {
	e.Request = &Asked{q.URL.Scheme, q.Method, q.URL.String(), headersText(q.Header), string(body)}
}

func (e *Exchange) hears(answer *http.Response, body []byte) {
	e.Response = &Heard{
		answer.Request.URL.Scheme, strconv.Itoa(answer.StatusCode), http.StatusText(answer.StatusCode), headersText(answer.Header), strings.ToValidUTF8(string(body), "\ufffd"),
	}
}

func headersText(h http.Header) string {
	var all []string
	for name, values := range h {
		for _, v := range values {
			all = append(all, name+": "+v)
		}
	}
	slices.Sort(all)
	return "[" + strings.Join(all, ", ") + "]"
}
