package sfn

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
	"heddle/internal/kms/datakey"
	"heddle/internal/service"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/permission"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
)

// Customer managed keys: what users give to a state machine or an activity that has one is
// sealed under data keys of it. Executions seal and open in the right of their machine's
// role; who calls opens in their own. (Step Functions Developer Guide, Data at rest
// encryption)

// keyring gives executions their data keys: engine.DataKeys. It has any as soon as the
// service is open.
type keyring struct {
	*service.Kernel
	cache *datakey.Cache
}

func (r *keyring) open(k *service.Kernel) {
	r.Kernel = k
	if k.Keys != nil {
		r.cache = datakey.NewCache(datakey.Config{Keys: k.Keys, Now: k.Now, Within: k.Within})
	}
}

// contextNames are the encryption context's, by what is sealed.
var contextNames = map[resource.Type]string{resource.Machine: "aws:states:stateMachineArn", resource.Activity: "aws:states:activityArn"}

// contextOf is the encryption context of what is sealed of a thing. What is sealed of executions of
// items is of their state machine, which they name with a label.
func contextOf(thing string) map[string]string {
	thing, _, _ = strings.Cut(thing, "/")
	n, err := resource.ParseAs(thing, resource.Machine, resource.Activity)
	if err != nil {
		return map[string]string{"": thing} // which no key was used with
	}
	return map[string]string{contextNames[n.Type]: thing}
}

// useBy is a use of an execution's, as the cache knows it.
func useBy(use *execution.KeyUse) datakey.Use {
	return datakey.Use{
		Request: datakey.Request{World: use.World, Key: use.Key, Context: contextOf(use.Of)},
		Reuse:   time.Duration(use.Seconds) * time.Second,
		For:     use.Role + " for " + use.Machine,
	}
}

func blobOf(use *execution.KeyUse) []byte {
	if use.Wrapped == "" {
		return nil
	}
	return []byte(use.Wrapped)
}

// Known implements engine.DataKeys.
func (r *keyring) Known(want engine.KeyUse) engine.DataKey {
	use := want.(execution.KeyUse)
	if r.cache == nil {
		return nil
	}
	if key, known := r.cache.Known(useBy(&use), blobOf(&use)); known {
		return dataKey{key}
	}
	return nil
}

// dataKey is a data key as executions have it, which are told a KeyError.
type dataKey struct{ datakey.Sealer }

// Open implements engine.DataKey.
func (k dataKey) Open(sealed []byte) ([]byte, error) {
	b, err := k.Sealer.Open(sealed)
	return b, keyError(err)
}

// Find implements engine.DataKeys. That a key is asked for too often is no refusal of an
// execution's own key: it tries again.
func (r *keyring) Find(ctx context.Context, want engine.KeyUse) (engine.DataKey, error) {
	use := want.(execution.KeyUse)
	key, err := r.find(ctx, &use)
	wrong, ok := errors.AsType[*execution.KeyError](err)
	if ok && (wrong.Code != wire.CodeKmsThrottlingException || use.Of != use.Machine) {
		return nil, execution.KeyRefusal{KeyError: wrong}
	}
	if err != nil {
		return nil, err
	}
	return dataKey{key}, nil
}

func (r *keyring) find(ctx context.Context, use *execution.KeyUse) (key datakey.Sealer, err error) {
	if r.cache == nil {
		return key, errNoKeys
	}
	by := useBy(use)
	by.Caller, by.Known, err = r.Acting(ctx, &service.Errand{
		World: use.World, Role: use.Role, Services: permission.Services(use.World.Region), Session: resource.Service, Source: use.Machine,
	})
	if refused, ok := errors.AsType[*account.RoleError](err); ok {
		return key, &execution.KeyError{Code: wire.CodeKmsAccessDeniedException, Message: refused.Error()}
	}
	if err != nil {
		return key, err
	}
	key, err = r.cache.Find(ctx, by, blobOf(use))
	return key, keyError(err)
}

var errNoKeys = &execution.KeyError{
	Code: wire.CodeKmsInvalidStateException, State: wire.KmsKeyStateUnavailable, Message: "This server has no key management service",
}

// keyError says in the words of the service why a key can't be used.
func keyError(err error) error {
	wrong, ok := errors.AsType[*datakey.Error](err)
	if !ok {
		return err
	}
	e := &execution.KeyError{Code: wire.CodeKmsInvalidStateException, State: wrong.State, Message: wrong.Message}
	switch wrong.Why {
	case datakey.Denied:
		e.Code = wire.CodeKmsAccessDeniedException
	case datakey.Throttled:
		e.Code = wire.CodeKmsThrottlingException
	}
	return e
}

// keyFault makes a fault of a KeyError; other errors stay.
func keyFault(err error) error {
	e, ok := errors.AsType[*execution.KeyError](err)
	if !ok {
		return err
	}
	f := &fault.Fault{Code: e.Code, Message: e.Message}
	if e.State != "" {
		f.Members = fault.Members{{Name: "kmsKeyState", Value: e.State}}
	}
	return f
}

// callerUse is the use of a key for a thing by who calls.
func callerUse(ctx context.Context, e registry.Encryption, thing string) datakey.Use {
	caller := operation.CallerOf(ctx)
	who := caller.Identity.(*account.Caller)
	return datakey.Use{
		Request: datakey.Request{
			World: worldOf(ctx), Key: e.Key, Caller: who, Known: caller.Context(), Via: permission.Regional(caller.Region), Context: contextOf(thing),
		},
		Reuse: time.Duration(e.ReuseSeconds) * time.Second,
	}
}

// opener opens what is stored of a thing, in the caller's right. Errors:
// *execution.KeyError.
func (s *actions) opener(ctx context.Context, e registry.Encryption, thing string) func(stored string) (string, error) {
	use := datakey.Use{} // when it is first needed
	return func(stored string) (string, error) {
		if !execution.Sealed(stored) {
			return stored, nil
		}
		if use.Caller == nil {
			use = callerUse(ctx, e, thing)
		}
		b, err := execution.Unseal(stored)
		if err == nil {
			b, err = s.openSealed(ctx, use, b)
		}
		return string(b), err
	}
}

func (s *actions) openSealed(ctx context.Context, use datakey.Use, sealed []byte) ([]byte, error) {
	if s.keys.cache == nil {
		return nil, errNoKeys
	}
	b, err := s.keys.cache.Open(ctx, use, sealed)
	return b, keyError(err)
}

// callersKey is the data key that something is sealed under, for who calls. Errors:
// *execution.KeyError.
func (s *actions) callersKey(ctx context.Context, use datakey.Use, wrapped []byte) (key datakey.Sealer, err error) {
	if s.keys.cache == nil {
		return key, errNoKeys
	}
	key, err = s.keys.cache.Find(ctx, use, wrapped)
	return key, keyError(err)
}

// Bounds of how long a data key is used again, and what it is unless somebody says.
const (
	reuseSecondsMin     = 60
	reuseSecondsMax     = 900
	reuseSecondsDefault = 300
)

// encryption reads how the data of a thing is to be encrypted. A key is asked for whether it
// can be used at all. Errors: InvalidEncryptionConfiguration, KmsAccessDeniedException,
// KmsThrottlingException.
func (s *actions) encryption(ctx context.Context, in *wire.EncryptionConfiguration, thing string) (e registry.Encryption, err error) {
	wrong := func(why string) (registry.Encryption, error) {
		return registry.Encryption{}, refusal(wire.CodeInvalidEncryptionConfiguration, "Invalid Encryption Configuration: "+why)
	}
	if in == nil {
		return e, nil
	}
	reuse := in.KmsDataKeyReusePeriodSeconds
	switch {
	case in.Type == wire.EncryptionTypeAwsOwnedKey && in.KmsKeyID == nil && reuse == nil:
		return e, nil
	case in.Type == wire.EncryptionTypeAwsOwnedKey:
		return wrong("KmsKeyId and KmsDataKeyReusePeriodSeconds must not be set for AWS_OWNED_KEY.")
	case text(in.KmsKeyID) == "":
		return wrong("KmsKeyId must be set for CUSTOMER_MANAGED_KMS_KEY.")
	case reuse != nil && (*reuse < reuseSecondsMin || *reuse > reuseSecondsMax):
		return wrong(fmt.Sprintf("KmsDataKeyReusePeriodSeconds must be between %d and %d.", reuseSecondsMin, reuseSecondsMax))
	case s.keys.cache == nil:
		return wrong("this server has no key management service.")
	}
	e = registry.Encryption{Key: *in.KmsKeyID, ReuseSeconds: reuseSecondsDefault}
	if reuse != nil {
		e.ReuseSeconds = *reuse
	}
	use := callerUse(ctx, e, thing)
	use.Context = nil
	key, err := s.Keys.Describe(ctx, use.Request)
	refused, isRefusal := errors.AsType[*datakey.Error](err)
	switch {
	case isRefusal && (refused.Why == datakey.Denied || refused.Why == datakey.Throttled):
		return registry.Encryption{}, keyFault(keyError(err))
	case isRefusal:
		return wrong(refused.Message)
	case err != nil:
		return registry.Encryption{}, err
	case !key.Symmetric:
		return wrong("the key " + e.Key + " is not a symmetric encryption key.")
	case key.State != "ENABLED":
		return wrong("the key " + e.Key + " is not enabled: it is " + key.State + ".")
	}
	return e, nil
}

func encryptionShape(e *registry.Encryption) *wire.EncryptionConfiguration {
	if e.Key == "" {
		return &wire.EncryptionConfiguration{Type: wire.EncryptionTypeAwsOwnedKey}
	}
	return &wire.EncryptionConfiguration{Type: wire.EncryptionTypeCustomerManagedKmsKey, KmsKeyID: &e.Key, KmsDataKeyReusePeriodSeconds: &e.ReuseSeconds}
}

// sealDefinition seals a definition for a machine, in the caller's right; it gives the data
// key that it is sealed under, too. Errors: *execution.KeyError.
func (s *actions) sealDefinition(ctx context.Context, e registry.Encryption, machine, definition string) (sealed []byte, dataKey string, err error) {
	if s.keys.cache == nil {
		return nil, "", errNoKeys
	}
	if sealed, err = s.keys.cache.Seal(ctx, callerUse(ctx, e, machine), []byte(definition)); err != nil {
		return nil, "", keyError(err)
	}
	wrapped, _, err := engine.ReadSealedHead(sealed)
	return sealed, string(wrapped), err
}

// digest tells definitions apart, without telling what they are.
func (s *actions) digest(definition string) (d [32]byte) {
	h := hmac.New(sha256.New, s.Secret[:])
	h.Write([]byte(definition))
	h.Sum(d[:0])
	return d
}
