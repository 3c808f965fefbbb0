// Package keystore reads the key stores of Java's world, so that a .properties file with ssl.keystore.location and
// ssl.truststore.location works as it is. It is a module of its own: who has PEM needs none of its requirements.
//
//	omnibus.Config{KeyStore: keystore.Decode}
//
// What kind a store is, its bytes say; ssl.keystore.type is often left at a default that is wrong.
//
//	FE ED FE ED           JKS
//	30 82 …               PKCS#12, old (3DES, RC2) and new (PBES2 with AES), as keytool and openssl write it
//	-----BEGIN …          PEM, whose private key may be encrypted (PKCS#8, PBES2)
//
// JCEKS, BCFKS and hardware are left to Java: keytool -importkeystore turns them into PKCS#12.
package keystore

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"
)

// ErrPassword is in an error of Decode when the password is not the store's, or not the key's.
var ErrPassword = errors.New("wrong password")

// Decode reads a key store: the private keys with their certificate chains, and the certificates that are trusted. password
// opens the store; the empty one opens a JKS without looking whether it was tampered with, as Java does. keyPassword is the
// private keys' own, and the store's if it is empty. Errors name neither.
func Decode(data []byte, password, keyPassword string) ([]tls.Certificate, []*x509.Certificate, error) {
	if keyPassword == "" {
		keyPassword = password
	}
	switch {
	case bytes.HasPrefix(data, []byte{0xFE, 0xED, 0xFE, 0xED}):
		return decodeJKS(data, password, keyPassword)
	case bytes.HasPrefix(data, []byte{0xCE, 0xCE, 0xCE, 0xCE}):
		return nil, nil, errors.New("JCEKS is not supported: convert it with keytool -importkeystore -deststoretype PKCS12")
	case bytes.HasPrefix(data, []byte{0x30}):
		return decodePKCS12(data, password)
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return decodePEM(data, keyPassword)
	}
	return nil, nil, errors.New("neither JKS nor PKCS#12 nor PEM")
}

// decodeJKS reads Java's own format.
func decodeJKS(data []byte, password, keyPassword string) (keys []tls.Certificate, trusted []*x509.Certificate, err error) {
	store := jks.New(jks.WithOrderedAliases())
	err = store.Load(bytes.NewReader(data), []byte(password))
	tampered := err != nil && strings.Contains(err.Error(), "invalid digest") // the library has no error value for it
	switch {
	case tampered && password != "":
		return nil, nil, fmt.Errorf("%w, or the store was tampered with", ErrPassword)
	case err != nil && !tampered:
		return nil, nil, err
	}
	for _, alias := range store.Aliases() {
		if store.IsTrustedCertificateEntry(alias) {
			entry, err := store.GetTrustedCertificateEntry(alias)
			if err != nil {
				return nil, nil, fmt.Errorf("entry %q: %w", alias, err)
			}
			certificate, err := x509.ParseCertificate(entry.Certificate.Content)
			if err != nil {
				return nil, nil, fmt.Errorf("entry %q: %w", alias, err)
			}
			trusted = append(trusted, certificate)
			continue
		}
		key, err := keyOfJKS(store, alias, keyPassword)
		if err != nil {
			return nil, nil, fmt.Errorf("entry %q: %w", alias, err)
		}
		keys = append(keys, key)
	}
	return keys, trusted, nil
}

func keyOfJKS(store jks.KeyStore, alias, password string) (tls.Certificate, error) {
	entry, err := store.GetPrivateKeyEntry(alias, []byte(password))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%w of the private key (%w)", ErrPassword, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	var chain [][]byte
	for _, certificate := range entry.CertificateChain {
		chain = append(chain, certificate.Content)
	}
	return pair(key, chain)
}

// decodePKCS12 reads a store with one private key, or one with trusted certificates.
func decodePKCS12(data []byte, password string) ([]tls.Certificate, []*x509.Certificate, error) {
	trusted, trustErr := pkcs12.DecodeTrustStore(data, password)
	if trustErr == nil && len(trusted) > 0 {
		return nil, trusted, nil
	}
	key, certificate, authorities, err := pkcs12.DecodeChain(data, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, nil, ErrPassword
	case err != nil:
		return nil, nil, fmt.Errorf("neither a key with its certificates (%w) nor certificates that Java would trust (%w)", err, trustErr)
	}
	chain := [][]byte{certificate.Raw}
	for _, authority := range authorities {
		chain = append(chain, authority.Raw)
	}
	made, err := pair(key, chain)
	return []tls.Certificate{made}, nil, err
}

// decodePEM reads PEM whose private key may be encrypted.
func decodePEM(data []byte, keyPassword string) ([]tls.Certificate, []*x509.Certificate, error) {
	var key any
	var chain [][]byte
	var trusted []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		var err error
		switch block.Type {
		case "CERTIFICATE":
			var certificate *x509.Certificate
			if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
				chain, trusted = append(chain, block.Bytes), append(trusted, certificate)
			}
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			if key, err = pkcs8.ParsePKCS8PrivateKey(block.Bytes, []byte(keyPassword)); err != nil {
				err = fmt.Errorf("%w of the private key (%w)", ErrPassword, err)
			}
		}
		if err != nil {
			return nil, nil, fmt.Errorf("PEM block %q: %w", block.Type, err)
		}
	}
	if key == nil {
		return nil, trusted, nil
	}
	made, err := pair(key, chain)
	return []tls.Certificate{made}, trusted, err
}

// pair joins a private key and its chain, whose first certificate must be the key's.
func pair(key any, chain [][]byte) (tls.Certificate, error) {
	if len(chain) == 0 {
		return tls.Certificate{}, errors.New("a private key without a certificate")
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return tls.Certificate{}, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return tls.Certificate{}, fmt.Errorf("a private key of type %T, which TLS cannot use", key)
	}
	if public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(leaf.PublicKey) {
		return tls.Certificate{}, errors.New("the first certificate is not the private key's")
	}
	return tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf}, nil
}
