// Package awsjson is the AWS JSON 1.0 protocol on HTTP: which operation a
// request names, and how an answer or a fault is written. It knows no service.
package awsjson

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
)

// Target is the service and the operation that a request names. Old clients
// write a longer target, of which the last two dotted parts count.
func Target(r *http.Request) (service, operation string, err error) {
	if r.Method != http.MethodPost {
		return "", "", &Fault{Code: CodeUnknownOperation, Status: http.StatusNotFound, Message: "Operations are called by POST"}
	}
	target := r.Header.Get("X-Amz-Target")
	if target == "" {
		return "", "", &Fault{Code: CodeUnknownOperation, Message: "The header X-Amz-Target is missing"}
	}
	prefix, operation, dotted := cutLast(target)
	if !dotted || operation == "" {
		return "", "", UnknownOperation(target)
	}
	if _, service, dotted := cutLast(prefix); dotted {
		return service, operation, nil
	}
	return prefix, operation, nil
}

func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// UnknownOperation is the fault for a target that nothing serves.
func UnknownOperation(target string) *Fault {
	return &Fault{Code: CodeUnknownOperation, Message: "Unknown operation: " + target}
}

// RequestID is the id of a request, made of random bytes.
func RequestID(random [16]byte) string {
	random[6] = random[6]&0x0f | 0x40 // version 4: random
	random[8] = random[8]&0x3f | 0x80
	var id [36]byte
	hex.Encode(id[0:8], random[0:4])
	hex.Encode(id[9:13], random[4:6])
	hex.Encode(id[14:18], random[6:8])
	hex.Encode(id[19:23], random[8:10])
	hex.Encode(id[24:36], random[10:16])
	id[8], id[13], id[18], id[23] = '-', '-', '-', '-'
	return string(id[:])
}

// Write answers with success. The body is empty when the operation has no output.
func Write(w http.ResponseWriter, r *http.Request, requestID string, body []byte) error {
	return write(w, r, requestID, http.StatusOK, body)
}

// Values of headers that are the same in many answers; nobody changes them.
var (
	typeAmzJSON = []string{"application/x-amz-json-1.0"}
	typeJSON    = []string{"application/json"}
)

func write(w http.ResponseWriter, r *http.Request, requestID string, status int, body []byte) error {
	h := w.Header()
	h["Content-Type"] = typeAmzJSON
	// Clients of the first years say application/json and get it back.
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		h["Content-Type"] = typeJSON
	}
	h["x-amzn-RequestId"] = []string{requestID}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	if len(body) == 0 {
		return nil
	}
	_, err := w.Write(body)
	return err
}
