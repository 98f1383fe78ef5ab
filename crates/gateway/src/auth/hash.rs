//! Passwords as they are kept: hashes of argon2 and bcrypt.

use std::fmt;
use std::str::FromStr;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// A longer password is nobody's: hashing it would cost more than it tells, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// The hash of a password.
#[derive(Clone, PartialEq, Eq)]
pub enum Hash {
    /// Argon2 (RFC 9106), as a PHC string: `$argon2id$v=19$m=19456,t=2,p=1$..`.
    Argon2(String),
    /// bcrypt: `$2b$12$..`.
    Bcrypt(String),
}

impl Hash {
    /// Reads a hash; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("$argon2") {
            return match PasswordHash::new(text) {
                Ok(hash) if hash.salt.is_none() || hash.hash.is_none() => {
                    Err("this hash of argon2 is cut short: it has no salt or no end".to_owned())
                }
                Ok(_) => Ok(Self::Argon2(text.to_owned())),
                Err(error) => Err(format!("this hash of argon2 cannot be read: {error}")),
            };
        }
        if text.starts_with("$2") {
            return match bcrypt::HashParts::from_str(text) {
                Ok(_) => Ok(Self::Bcrypt(text.to_owned())),
                Err(error) => Err(format!("this hash of bcrypt cannot be read: {error}")),
            };
        }
        let kind = match text {
            text if text.starts_with("$apr1$") || text.starts_with("{SHA}") => "this hash is broken too easily",
            _ => "this is no hash of argon2 or bcrypt",
        };
        Err(format!("{kind}: `wirelight hash-password` makes one"))
    }

    /// Hashes a password with argon2id and a new salt.
    ///
    /// # Errors
    /// If it is longer than [`PASSWORD_BYTES_MAX`], or the system gives no chance.
    pub fn make(password: &str) -> Result<Self, String> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(format!("a password has at most {PASSWORD_BYTES_MAX} bytes"));
        }
        let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|error| error.to_string())?;
        Ok(Self::Argon2(hash.to_string()))
    }

    /// Whether the password is right; it takes as long as the hash was made to take, so call it where nobody waits.
    pub fn verify(&self, password: &str) -> bool {
        if password.len() > PASSWORD_BYTES_MAX {
            return false;
        }
        match self {
            Self::Argon2(hash) => PasswordHash::new(hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()),
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
        }
    }

    /// The hash as it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Argon2(hash) | Self::Bcrypt(hash) => hash,
        }
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Argon2(_) => "Argon2(..)",
            Self::Bcrypt(_) => "Bcrypt(..)",
        })
    }
}

/// The users of an htpasswd file; the error says which line is wrong and how.
pub fn htpasswd(text: &str) -> Result<Vec<(String, Hash)>, String> {
    let mut users: Vec<(String, Hash)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |because: String| format!("line {}: {because}", number + 1);
        let Some((user, hash)) = line.split_once(':') else {
            return Err(wrong("a user and a hash, with a colon between them, are expected".to_owned()));
        };
        if users.iter().any(|(known, _)| known == user) {
            return Err(wrong(format!("the user `{user}` is there already")));
        }
        users.push((user.to_owned(), Hash::parse(hash).map_err(wrong)?));
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_others_are_read_and_verified() {
        for (hash, password) in [
            // From the tests of the reference implementation of argon2.
            ("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"),
            // From OpenBSD's test vectors of bcrypt, and the same as Apache's htpasswd writes it.
            ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
            ("$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
        ] {
            let hash = Hash::parse(hash).unwrap();
            assert!(hash.verify(password), "{}", hash.as_str());
            assert!(!hash.verify("U*V") && !hash.verify(""), "{}", hash.as_str());
        }
        for wrong in ["secret", "", "$apr1$x$y", "{SHA}x", "$argon2id$v=19$m=1", "$2b$05$short", "$6$x$y"] {
            assert!(Hash::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_hash_that_is_made_holds_its_password_only() {
        let hash = Hash::make("tea").unwrap();
        assert!(hash.verify("tea") && !hash.verify("cake"));
        assert_ne!(Hash::make("tea").unwrap().as_str(), hash.as_str(), "each has its salt");
        assert!(Hash::make(&"x".repeat(PASSWORD_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn a_file_of_users_is_read_or_its_line_named() {
        let bcrypt = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        let users = htpasswd(&format!("# staff\n\nanna:{bcrypt}\nbob:{bcrypt}\r\n")).unwrap();
        assert_eq!(users.iter().map(|(user, _)| user.as_str()).collect::<Vec<_>>(), ["anna", "bob"]);
        for (text, expected) in [
            ("anna".to_owned(), "line 1: a user and a hash"),
            (format!("anna:{bcrypt}\nanna:{bcrypt}"), "line 2: the user `anna` is there already"),
            ("\nanna:secret".to_owned(), "line 2: this is no hash of argon2 or bcrypt"),
        ] {
            let wrong = htpasswd(&text).unwrap_err();
            assert!(wrong.starts_with(expected), "{wrong}");
        }
    }
}
