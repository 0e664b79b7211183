package policy

// MalformedError says what is wrong with a policy: what AWS says of it, and
// where and why. It is the fault MalformedPolicyDocument.
type MalformedError struct {
	Message string
	Where   string // such as Statement[0].Condition
	Why     string
}

func (e *MalformedError) Error() string {
	detail := e.Where
	if detail != "" && e.Why != "" {
		detail += " "
	}
	if detail += e.Why; detail == "" {
		return e.Message
	}
	return e.Message + " (" + detail + ")"
}

func malformed(message, where, why string) error {
	return &MalformedError{message, where, why}
}

// What AWS says.
const (
	syntaxErrors      = "Syntax errors in policy."
	wrongVersion      = "Policy document must be version 2012-10-17 or greater."
	sidNotUnique      = "Statement IDs (SID) in a single policy must be unique."
	sidNotAlpha       = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
	noActions         = "Policy statement must contain actions."
	noResources       = "Policy statement must contain resources."
	noPrincipal       = "Missing required field Principal"
	principalGiven    = "Policy document should not specify a principal."
	resourceGiven     = "Has prohibited field Resource"
	noVendor          = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	oneColon          = "Actions/Condition can contain only one colon."
	vendorWild        = "Action vendors must not contain wildcards."
	resourceVendor    = "Resource vendor must be fully qualified and cannot contain regexes."
	notAssumeRole     = "AssumeRole policy may only specify STS AssumeRole actions."
	conditionOperator = "Invalid Condition type :"
)

// InvalidPrincipal begins the message about a principal that can be none.
const InvalidPrincipal = "Invalid principal in policy:"
