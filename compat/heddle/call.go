package heddle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Credentials of every suite, and the region if nothing else is said.
const (
	AccessKey = "heddle"
	SecretKey = "heddle"
	Region    = "us-east-1"
)

// Target is the prefix in the header that names an operation of Amazon SWF.
const Target = "SimpleWorkflowService."

// Service is what a request's headers say of its service.
type Service struct {
	Target      string // the prefix in the header that names the operation
	SigningName string
}

// The services.
var (
	SWF           = Service{Target, "swf"}
	StepFunctions = Service{"AWSStepFunctions.", "states"}
)

// Answer is what came back, as bytes.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Fault reads the answer as a fault: its type and message, and what else the
// body has.
func (a *Answer) Fault() (faultType, message string, err error) {
	var body struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(a.Body, &body); err != nil {
		return "", "", fmt.Errorf("read the fault %q: %w", a.Body, err)
	}
	return body.Type, body.Message, nil
}

// Request makes a signed request to Amazon SWF.
func (s *Server) Request(ctx context.Context, operation string, body []byte) (*http.Request, error) {
	return s.RequestTo(ctx, SWF, operation, body)
}

// RequestTo makes a signed request to a service.
func (s *Server) RequestTo(ctx context.Context, service Service, operation string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", service.Target+operation)
	sum := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: AccessKey, SecretAccessKey: SecretKey}
	err = v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), service.SigningName, Region, time.Now())
	return r, err
}

// Send sends a request and reads the whole answer.
func Send(r *http.Request) (*Answer, error) {
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if closed := response.Body.Close(); err == nil {
		err = closed
	}
	return &Answer{Status: response.StatusCode, Header: response.Header, Body: body}, err
}

// Call calls an operation of Amazon SWF with a body of JSON and gives the answer,
// whatever it is.
func (s *Server) Call(ctx context.Context, operation string, in any) (*Answer, error) {
	return s.CallTo(ctx, SWF, operation, in)
}

// CallTo calls an operation of a service, as Call does.
func (s *Server) CallTo(ctx context.Context, service Service, operation string, in any) (*Answer, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	r, err := s.RequestTo(ctx, service, operation, body)
	if err != nil {
		return nil, err
	}
	return Send(r)
}
