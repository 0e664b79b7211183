package lambda

// Options are the settings of Lambda tasks.
type Options struct {
	Endpoint   string `name:"endpoint" env:"ENDPOINT" placeholder:"URL" help:"Where Lambda functions are invoked (anything with Lambda's Invoke API). Without it, ScheduleLambdaFunction fails with LAMBDA_SERVICE_NOT_AVAILABLE_IN_REGION."`
	AccessKey  string `name:"access-key" env:"ACCESS_KEY_ID" placeholder:"KEY" help:"Access key that signs invocations; its secret comes from the environment variable HEDDLE_LAMBDA_SECRET_ACCESS_KEY alone. Without it they are not signed."`
	Roles      string `name:"roles" env:"ROLES" default:"check" enum:"check,trust" help:"Whether an execution's Lambda role must exist, trust swf.amazonaws.com and allow lambda:InvokeFunction (check), or whether any role text will do, since the endpoint decides by itself who may invoke what (trust). Without authentication roles are trusted."`
	SecretKey  string `kong:"-" secret:"SECRET_ACCESS_KEY"`
	Concurrent int    `name:"concurrent" env:"CONCURRENT" default:"256" min:"1" max:"10000" help:"How many Lambda functions are invoked at a time. All alone, a region gets three quarters of them, a domain a half, a function a quarter: the rest is for whoever comes next."` // each is a goroutine, and at worst a connection
}

// Check refuses an endpoint or a key that makes no sense.
func (o *Options) Check() error {
	if o.Endpoint == "" {
		return nil
	}
	return CheckEndpoint(o.Endpoint, o.Key())
}

// Key is the key that signs invocations.
func (o *Options) Key() Key { return Key{ID: o.AccessKey, Secret: o.SecretKey} }

// What Options.Roles may be.
const (
	RolesCheck = "check"
	RolesTrust = "trust"
)
