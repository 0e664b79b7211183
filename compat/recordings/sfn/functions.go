package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// functions stands in for Lambda: it answers Invoke for the functions of all cases,
// whose names differ.
type functions struct {
	account, region string

	mu     sync.Mutex
	byName map[string]answering
}

// answering is how a function answers a payload.
type answering struct {
	after  time.Duration
	failed bool
	answer func(payload []byte) []byte
}

func newFunctions(account, region string) *functions {
	return &functions{account: account, region: region, byName: map[string]answering{}}
}

// add adds a function of a case.
func (f *functions) add(of function, names *names) error {
	name, err := names.fill(of.Name)
	if err != nil {
		return fmt.Errorf("function %q: %w", of.Name, err)
	}
	a := answering{after: time.Duration(of.AfterSeconds * float64(time.Second))}
	if of.Fails != nil {
		a.failed = true
		text := names.show(string(spaced(of.Fails)))
		a.answer = func([]byte) []byte {
			// What the function made up, its request id, is another each time.
			return []byte(placeholder.ReplaceAllStringFunc(text, func(string) string { return uuid() }))
		}
	} else {
		text, err := names.fill(of.Returns)
		if err != nil {
			return fmt.Errorf("function %q: %w", name, err)
		}
		if letter, count, repeated := strings.Cut(strings.TrimPrefix(text, "@repeat:"), ":"); repeated && strings.HasPrefix(text, "@repeat:") {
			n, err := strconv.Atoi(count)
			if err != nil {
				return fmt.Errorf("function %q: returns %q: %w", name, of.Returns, err)
			}
			text = strconv.Quote(strings.Repeat(letter, n))
		}
		a.answer = func(payload []byte) []byte {
			if text != "@input" {
				return []byte(text)
			}
			if len(payload) == 0 {
				return []byte("{}")
			}
			return payload
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.byName[name] = a
	return nil
}

// spaced writes a JSON text with a space after each comma and colon, as the
// functions' runtime did.
func spaced(text []byte) []byte {
	var compact, out bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return text
	}
	quoted, escaped := false, false
	for _, b := range compact.Bytes() {
		out.WriteByte(b)
		switch {
		case escaped:
			escaped = false
		case quoted && b == '\\':
			escaped = true
		case b == '"':
			quoted = !quoted
		case !quoted && (b == ',' || b == ':'):
			out.WriteByte(' ')
		}
	}
	return out.Bytes()
}

// ServeHTTP answers POST /2015-03-31/functions/NAME/invocations.
func (f *functions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("x-amzn-RequestId", uuid())
	name, isInvoke := strings.CutPrefix(r.URL.Path, "/2015-03-31/functions/")
	name, isInvoke2 := strings.CutSuffix(name, "/invocations")
	if !isInvoke || !isInvoke2 || r.Method != http.MethodPost {
		refuse(w, http.StatusNotFound, "UnknownOperationException", "only Invoke is served here")
		return
	}
	payload, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequestContentException", err.Error())
		return
	}
	if _, after, isARN := strings.Cut(name, ":function:"); isARN {
		name, _, _ = strings.Cut(after, ":")
	}
	f.mu.Lock()
	function, exists := f.byName[name]
	f.mu.Unlock()
	if !exists {
		refuse(w, http.StatusNotFound, "ResourceNotFoundException",
			fmt.Sprintf("Function not found: arn:aws:lambda:%s:%s:function:%s:$LATEST", f.region, f.account, name))
		return
	}
	if sleep(r.Context(), function.after) != nil {
		return
	}
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	if r.Header.Get("X-Amz-Invocation-Type") == "Event" {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if r.Header.Get("X-Amz-Log-Type") == "Tail" {
		w.Header().Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString([]byte("START\nEND\n")))
	}
	if function.failed {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
	}
	_, _ = w.Write(function.answer(payload)) // who went away needs no answer
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Amzn-ErrorType", code)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"Type": "User", "Message": message})
}

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
