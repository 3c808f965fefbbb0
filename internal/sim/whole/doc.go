// Package whole plays the whole producer.
package whole
