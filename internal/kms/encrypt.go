package kms

import (
	"errors"
	"io"
	"strconv"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/policy"
	"heddle/internal/kms/keyring"
	"heddle/internal/kms/wire"
)

func aboutEncrypt(c *call, in *wire.EncryptRequest) error {
	return c.aboutKeyUse(in.KeyID, "Encrypt", in.EncryptionContext, in.GrantTokens)
}

func aboutDataKey(c *call, in *wire.GenerateDataKeyRequest) error {
	return c.aboutKeyUse(in.KeyID, "GenerateDataKey", in.EncryptionContext, in.GrantTokens)
}

func aboutSealedDataKey(c *call, in *wire.GenerateDataKeyWithoutPlaintextRequest) error {
	return c.aboutKeyUse(in.KeyID, "GenerateDataKeyWithoutPlaintext", in.EncryptionContext, in.GrantTokens)
}

// aboutKeyUse is for operations that encrypt under a key.
func (c *call) aboutKeyUse(name, operation string, context map[string]string, tokens []string) (err error) {
	if c.key, err = c.find(name, anyName); err != nil {
		return err
	}
	if err := c.aboutUse(operation, c.key, context); err != nil {
		return err
	}
	c.checkTokens(tokens)
	return nil
}

// aboutDecrypt is about the key that is named, or else that of the ciphertext.
func aboutDecrypt(c *call, in *wire.DecryptRequest) (err error) {
	if c.key, err = c.keyOf(in.CiphertextBlob, in.KeyID); err != nil || c.key == nil {
		return err
	}
	if err := c.aboutUse("Decrypt", c.key, in.EncryptionContext); err != nil {
		return err
	}
	c.checkTokens(in.GrantTokens)
	return nil
}

// keyOf reads a ciphertext, and finds the key that is named or else the ciphertext's; nil:
// of what is no ciphertext there is none, and it is said so to everybody.
func (c *call) keyOf(blob []byte, name *string) (*named, error) {
	if c.blob, c.flaw = parseCiphertext(blob); c.flaw != nil {
		c.flaw = errInvalidCiphertext
	}
	switch {
	case name != nil:
		return c.find(*name, anyName)
	case c.flaw != nil:
		return nil, nil
	}
	return c.find(c.blob.key, keysOnly)
}

var errInvalidCiphertext = &fault.Fault{Code: wire.CodeInvalidCiphertextException}

// aboutReEncrypt is about two keys, which may be one.
func aboutReEncrypt(c *call, in *wire.ReEncryptRequest) (err error) {
	if c.from, err = c.keyOf(in.CiphertextBlob, in.SourceKeyID); err != nil || c.from == nil {
		return err
	}
	if c.key, err = c.find(in.DestinationKeyID, anyName); err != nil {
		return err
	}
	same := policy.Value{Key: "kms:ReEncryptOnSameKey", Value: strconv.FormatBool(c.from.arn == c.key.arn)}
	if err := c.aboutUse("ReEncryptFrom", c.from, in.SourceEncryptionContext, same); err != nil {
		return err
	}
	if err := c.aboutUse("ReEncryptTo", c.key, in.DestinationEncryptionContext, same); err != nil {
		return err
	}
	c.checkTokens(in.GrantTokens)
	return nil
}

func aboutRandom(c *call, in *wire.GenerateRandomRequest) error {
	c.asks = []ask{c.question("GenerateRandom", nil)}
	return nil
}

// symmetric refuses algorithms of other keys.
func symmetric(algorithm *string) error {
	if a := value(algorithm); a != "" && a != wire.EncryptionAlgorithmSpecSymmetricDefault {
		return refusal(wire.CodeInvalidKeyUsageException, "The encryption algorithm "+a+" is not compatible with the key spec "+wire.KeySpecSymmetricDefault+".")
	}
	return nil
}

func encrypt(c *call, in *wire.EncryptRequest) (*wire.EncryptResponse, error) {
	if err := c.key.usable(); err != nil {
		return nil, err
	}
	if err := symmetric(in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	blob, err := c.secrets.encrypt(c.key.Key, in.EncryptionContext, in.Plaintext)
	return &wire.EncryptResponse{CiphertextBlob: blob, KeyID: &c.key.arn, EncryptionAlgorithm: new(wire.EncryptionAlgorithmSpecSymmetricDefault)}, err
}

func decrypt(c *call, in *wire.DecryptRequest) (*wire.DecryptResponse, error) {
	if err := noRecipient(in.Recipient); err != nil {
		return nil, err
	}
	if err := symmetric(in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	plaintext, m, err := c.open(c.key, in.KeyID != nil, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	return &wire.DecryptResponse{Plaintext: plaintext, KeyID: &c.key.arn, KeyMaterialID: new(materialID(m)), EncryptionAlgorithm: new(wire.EncryptionAlgorithmSpecSymmetricDefault)}, nil
}

// open opens the call's ciphertext with a key, that the request has named or not.
func (c *call) open(k *named, isNamed bool, context map[string]string) ([]byte, *keyring.Material, error) {
	if k.Key == nil && !isNamed {
		return nil, nil, errForeignCiphertext
	}
	if err := k.usable(); err != nil {
		return nil, nil, err
	}
	if k.ID != c.blob.key {
		return nil, nil, refusal(wire.CodeIncorrectKeyException, "The key ID in the request does not identify a CMK that can perform this operation.")
	}
	plaintext, err := c.secrets.decrypt(k.Key, context, c.blob)
	if errors.Is(err, errCiphertext) {
		return nil, nil, errInvalidCiphertext
	}
	if err != nil {
		return nil, nil, err
	}
	m, _ := k.Material(c.blob.number)
	return plaintext, m, nil
}

var errForeignCiphertext = fault.Of(fault.AccessDenied,
	"The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")

func reEncrypt(c *call, in *wire.ReEncryptRequest) (*wire.ReEncryptResponse, error) {
	for _, algorithm := range []*string{in.SourceEncryptionAlgorithm, in.DestinationEncryptionAlgorithm} {
		if err := symmetric(algorithm); err != nil {
			return nil, err
		}
	}
	plaintext, m, err := c.open(c.from, in.SourceKeyID != nil, in.SourceEncryptionContext)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	if err := c.key.usable(); err != nil {
		return nil, err
	}
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	blob, err := c.secrets.encrypt(c.key.Key, in.DestinationEncryptionContext, plaintext)
	if err != nil {
		return nil, err
	}
	return &wire.ReEncryptResponse{
		CiphertextBlob: blob,
		SourceKeyID:    &c.from.arn, SourceKeyMaterialID: new(materialID(m)), SourceEncryptionAlgorithm: new(wire.EncryptionAlgorithmSpecSymmetricDefault),
		KeyID: &c.key.arn, DestinationKeyMaterialID: new(materialID(c.key.Current())), DestinationEncryptionAlgorithm: new(wire.EncryptionAlgorithmSpecSymmetricDefault),
	}, nil
}

// dataKey makes a data key under the call's key, in the clear and sealed.
func (c *call) dataKey(context map[string]string, spec *string, size *int64, try *bool) (plaintext, blob []byte, err error) {
	n := value(size)
	switch {
	case (spec == nil) == (size == nil):
		return nil, nil, fault.Invalid("Please specify either number of bytes or key spec.")
	case spec != nil && *spec == wire.DataKeySpecAes128:
		n = 16
	case spec != nil:
		n = 32
	}
	if err := c.key.usable(); err != nil {
		return nil, nil, err
	}
	if err := dry(try); err != nil {
		return nil, nil, err
	}
	if plaintext, err = c.randomBytes(n); err != nil {
		return nil, nil, err
	}
	blob, err = c.secrets.encrypt(c.key.Key, context, plaintext)
	return plaintext, blob, err
}

func generateDataKey(c *call, in *wire.GenerateDataKeyRequest) (*wire.GenerateDataKeyResponse, error) {
	if err := noRecipient(in.Recipient); err != nil {
		return nil, err
	}
	plaintext, blob, err := c.dataKey(in.EncryptionContext, in.KeySpec, in.NumberOfBytes, in.DryRun)
	if err != nil {
		return nil, err
	}
	return &wire.GenerateDataKeyResponse{Plaintext: plaintext, CiphertextBlob: blob, KeyID: &c.key.arn, KeyMaterialID: new(materialID(c.key.Current()))}, nil
}

func generateDataKeyWithoutPlaintext(c *call, in *wire.GenerateDataKeyWithoutPlaintextRequest) (*wire.GenerateDataKeyWithoutPlaintextResponse, error) {
	plaintext, blob, err := c.dataKey(in.EncryptionContext, in.KeySpec, in.NumberOfBytes, in.DryRun)
	if err != nil {
		return nil, err
	}
	clear(plaintext)
	return &wire.GenerateDataKeyWithoutPlaintextResponse{CiphertextBlob: blob, KeyID: &c.key.arn, KeyMaterialID: new(materialID(c.key.Current()))}, nil
}

func generateRandom(c *call, in *wire.GenerateRandomRequest) (*wire.GenerateRandomResponse, error) {
	if err := noRecipient(in.Recipient); err != nil {
		return nil, err
	}
	if in.CustomKeyStoreID != nil {
		return nil, refusal(wire.CodeCustomKeyStoreNotFoundException, "")
	}
	if in.NumberOfBytes == nil {
		return nil, fault.Invalid("NumberOfBytes is required.")
	}
	b, err := c.randomBytes(*in.NumberOfBytes)
	return &wire.GenerateRandomResponse{Plaintext: b}, err
}

func (c *call) randomBytes(n int64) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(c.Random, b)
	return b, err
}

// noRecipient refuses what only an enclave of AWS could ask.
func noRecipient(r *wire.RecipientInfo) error {
	if r != nil {
		return fault.Invalid("The attestation document is not one of a known attestation service: there are no Nitro enclaves here.")
	}
	return nil
}
