package lambda

import (
	"errors"
	"fmt"
	"net/url"
)

// Options are the settings of what invokes functions.
type Options struct {
	Endpoint   string `name:"endpoint" env:"ENDPOINT" placeholder:"URL" help:"Where Lambda functions are invoked (anything with Lambda's Invoke API). Without it ScheduleLambdaFunction fails with LAMBDA_SERVICE_NOT_AVAILABLE_IN_REGION, and a Step Functions task that invokes one with Lambda.SdkClientException."`
	AccessKey  string `name:"access-key" env:"ACCESS_KEY_ID" placeholder:"KEY" help:"Access key that signs invocations; its secret comes from the environment variable HEDDLE_LAMBDA_SECRET_ACCESS_KEY alone. Without it they are not signed."`
	SecretKey  string `kong:"-" secret:"SECRET_ACCESS_KEY"`
	Concurrent int    `name:"concurrent" env:"CONCURRENT" default:"256" min:"1" max:"10000" help:"How many Lambda functions are invoked at a time. All alone, an account gets three quarters of them, what is grouped in it (as by a state machine) a half, a function a quarter: the rest is for whoever comes next."` // each is a goroutine, and at worst a connection
}

// Check refuses an endpoint or a key that makes no sense.
func (o *Options) Check() error {
	if o.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil {
		return fmt.Errorf("lambda endpoint: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("lambda endpoint %q: want http or https, a host, and perhaps a port and a path", u.Redacted())
	}
	if (o.AccessKey == "") != (o.SecretKey == "") {
		return errors.New("lambda endpoint: want an access key's id and its secret, or neither")
	}
	return nil
}
