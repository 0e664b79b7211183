package sfn

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/mock"
)

// readMocks reads the file of mocks. It is read again for each execution of a test case, so
// that who writes test cases need not start the server again.
func (o *Options) readMocks() (*mock.Config, error) {
	text, err := os.ReadFile(o.MockConfig)
	if err != nil {
		return nil, fmt.Errorf("--sfn-mock-config: %w", err)
	}
	c, err := mock.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("--sfn-mock-config %q: %w", o.MockConfig, err)
	}
	return c, nil
}

// check finds out before anything is opened whether the file of mocks can be used.
func (o *Options) check() error {
	err := o.Integrations.Check()
	if o.MockConfig != "" {
		_, wrong := o.readMocks()
		err = errors.Join(err, wrong)
	}
	return err
}

// untested takes the name of a test case from an ARN: "…:stateMachine:Orders#HappyPath". If
// there are no mocks, an ARN with one is as wrong as it is for the service.
func (o *Options) untested(arn string) (plain, test string) {
	if o.MockConfig == "" {
		return arn, ""
	}
	plain, test, _ = strings.Cut(arn, "#")
	return plain, test
}

// mocks are those of a test case of a state machine; "": none. Errors: ValidationException.
func (s *actions) mocks(machine, test string) ([]execution.StateMock, error) {
	if test == "" {
		return nil, nil
	}
	c, err := s.options.readMocks()
	if err != nil {
		return nil, invalid("Test case '" + test + "' can't be run: " + err.Error())
	}
	mocks, err := c.Case(machine, test)
	if err != nil {
		return nil, invalid("Test case '" + test + "' can't be run: " + err.Error())
	}
	return mocks, nil
}
