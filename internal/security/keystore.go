package security

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Decoder reads a key store of any kind: the keys with their certificates, and the certificates that are trusted. The
// second password is the keys' own where they have one.
type Decoder func(data []byte, password, keyPassword string) ([]tls.Certificate, []*x509.Certificate, error)

// open reads a key store, whose kind its bytes tell: ssl.keystore.type is often wrong, or left at its default. PEM is read
// here, unless its key is encrypted; everything else is the decoder's.
func (s *Settings) open(decode Decoder, data []byte, password, keyPassword string) ([]tls.Certificate, []*x509.Certificate, error) {
	blocks, err := pemBlocks(data)
	if err != nil {
		return nil, nil, err
	}
	encrypted := ""
	for _, block := range blocks {
		if block.Type == "ENCRYPTED PRIVATE KEY" {
			encrypted = "an encrypted key in PEM"
		}
	}
	if len(blocks) > 0 && encrypted == "" {
		return fromPEM(blocks)
	}
	if len(blocks) > 0 {
		data = joinPEM(blocks)
	}
	if decode == nil {
		return nil, nil, fmt.Errorf("PEM, because this program has nothing to read %s with: set Config.KeyStore to "+
			"keystore.Decode of github.com/omnibus-kafka/omnibus/keystore, or convert the file", kindOf(data, encrypted))
	}
	storePassword, err := s.current(password)
	if err != nil {
		return nil, nil, err
	}
	ownPassword, err := s.current(keyPassword)
	if err != nil {
		return nil, nil, err
	}
	keys, trusted, err := decode(data, storePassword, ownPassword)
	if err != nil {
		return nil, nil, fmt.Errorf("a key store that opens with its password (%s): %w", kindOf(data, encrypted), err)
	}
	return keys, trusted, nil
}

// kindOf names what data seems to be.
func kindOf(data []byte, known string) string {
	switch {
	case known != "":
		return known
	case bytes.HasPrefix(data, []byte{0xFE, 0xED, 0xFE, 0xED}):
		return "a JKS key store"
	case bytes.HasPrefix(data, []byte{0xCE, 0xCE, 0xCE, 0xCE}):
		return "a JCEKS key store"
	case bytes.HasPrefix(data, []byte{0x30}):
		return "a PKCS#12 key store"
	}
	return "what is no key store that is known"
}

// fromPEM makes one certificate of the key and the chain, which may stand in any order but the chain's own. Certificates are
// the trusted ones at the same time: the setting says what they are meant for.
func fromPEM(blocks []*pem.Block) ([]tls.Certificate, []*x509.Certificate, error) {
	var chain, key []*pem.Block
	var certificates []*x509.Certificate
	for _, block := range blocks {
		switch {
		case block.Type == "CERTIFICATE" || block.Type == "X509 CERTIFICATE" || block.Type == "TRUSTED CERTIFICATE":
			certificate, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, fmt.Errorf("certificates in PEM: number %d cannot be read (%w)", len(certificates)+1, err)
			}
			certificates = append(certificates, certificate)
			chain = append(chain, &pem.Block{Type: "CERTIFICATE", Bytes: block.Bytes})
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			key = append(key, block)
		}
	}
	if len(key) == 0 || len(chain) == 0 {
		return nil, certificates, nil
	}
	if len(key) > 1 {
		return nil, nil, fmt.Errorf("one private key in PEM: there are %d", len(key))
	}
	pair, err := tls.X509KeyPair(joinPEM(chain), joinPEM(key))
	if err != nil {
		return nil, nil, fmt.Errorf("a private key and its certificate, the first of the chain: %w", err)
	}
	return []tls.Certificate{pair}, certificates, nil
}

func joinPEM(blocks []*pem.Block) []byte {
	var out bytes.Buffer
	for _, block := range blocks {
		pem.Encode(&out, block) // a buffer takes everything
	}
	return out.Bytes()
}

// pemBlocks finds the blocks of PEM. Other than encoding/pem it does not mind where lines end: in a .properties file a
// block often is one line. And what is broken is an error, so that no authority is missing without a word.
func pemBlocks(data []byte) ([]*pem.Block, error) {
	var blocks []*pem.Block
	text := string(data)
	for {
		_, rest, found := strings.Cut(text, "-----BEGIN ")
		if !found {
			return blocks, nil
		}
		kind, body, _ := strings.Cut(rest, "-----")
		body, text, found = strings.Cut(body, "-----END "+kind+"-----")
		if strings.Contains(body, "Proc-Type:") {
			return nil, errors.New("a private key that is encrypted as PKCS#8 is, not in the old way of PEM: convert it with openssl pkcs8 -topk8 -in old.pem -out new.pem")
		}
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(body), ""))
		if !found || err != nil {
			return nil, fmt.Errorf("PEM that is whole: block %d (%.30q) is broken", len(blocks)+1, kind)
		}
		blocks = append(blocks, &pem.Block{Type: kind, Bytes: der})
	}
}
