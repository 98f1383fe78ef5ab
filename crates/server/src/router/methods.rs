//! What one resource answers: a service for each method.

use http::{HeaderValue, Method};
use wirelight_service::service::Boxed;
use wirelight_service::{Service, ServiceExt};

/// What a route answers: a service for each method that it takes.
///
/// GET answers HEAD too, without the content (RFC 9110, section 9.3.2), unless HEAD has a service of its own. OPTIONS
/// is answered with the list of methods, unless it has a service of its own.
#[derive(Debug, Clone, Default)]
pub struct Methods {
    /// `None` stands for every method that is not named.
    services: Vec<(Option<Method>, Boxed)>,
}

/// A service for GET, and for HEAD.
pub fn get(service: impl Service) -> Methods {
    Methods::default().get(service)
}

/// A service for POST.
pub fn post(service: impl Service) -> Methods {
    Methods::default().post(service)
}

/// A service for PUT.
pub fn put(service: impl Service) -> Methods {
    Methods::default().put(service)
}

/// A service for PATCH.
pub fn patch(service: impl Service) -> Methods {
    Methods::default().patch(service)
}

/// A service for DELETE.
pub fn delete(service: impl Service) -> Methods {
    Methods::default().delete(service)
}

/// A service for OPTIONS, instead of the list of methods.
pub fn options(service: impl Service) -> Methods {
    Methods::default().options(service)
}

/// A service for a method, which may be an extension method such as PROPFIND.
pub fn on(method: Method, service: impl Service) -> Methods {
    Methods::default().on(method, service)
}

/// A service for every method there is.
pub fn any(service: impl Service) -> Methods {
    Methods::default().any(service)
}

/// Which service answers a method.
#[derive(Debug)]
pub(super) enum Answering<'a> {
    /// The one for this method, or for all.
    Service(&'a Boxed),
    /// The one for GET, without its content.
    Get(&'a Boxed),
}

impl Methods {
    /// These, and GET.
    #[must_use]
    pub fn get(self, service: impl Service) -> Self {
        self.on(Method::GET, service)
    }

    /// These, and POST.
    #[must_use]
    pub fn post(self, service: impl Service) -> Self {
        self.on(Method::POST, service)
    }

    /// These, and PUT.
    #[must_use]
    pub fn put(self, service: impl Service) -> Self {
        self.on(Method::PUT, service)
    }

    /// These, and PATCH.
    #[must_use]
    pub fn patch(self, service: impl Service) -> Self {
        self.on(Method::PATCH, service)
    }

    /// These, and DELETE.
    #[must_use]
    pub fn delete(self, service: impl Service) -> Self {
        self.on(Method::DELETE, service)
    }

    /// These, and OPTIONS by a service instead of the list of methods.
    #[must_use]
    pub fn options(self, service: impl Service) -> Self {
        self.on(Method::OPTIONS, service)
    }

    /// These, and another one. A router refuses two services for one method.
    #[must_use]
    pub fn on(mut self, method: Method, service: impl Service) -> Self {
        self.services.push((Some(method), service.boxed()));
        self
    }

    /// These, and a service for every method that is not named.
    #[must_use]
    pub fn any(mut self, service: impl Service) -> Self {
        self.services.push((None, service.boxed()));
        self
    }

    /// The methods that are named, in their order; HEAD follows GET, and OPTIONS is last.
    pub fn listed(&self) -> Vec<Method> {
        let mut listed = Vec::with_capacity(self.services.len() + 2);
        for method in self.services.iter().filter_map(|(method, _)| method.as_ref()) {
            listed.push(method.clone());
            if *method == Method::GET && self.named(&Method::HEAD).is_none() {
                listed.push(Method::HEAD);
            }
        }
        if self.named(&Method::OPTIONS).is_none() {
            listed.push(Method::OPTIONS);
        }
        listed
    }

    /// Whether every method is answered.
    pub fn takes_any(&self) -> bool {
        self.others().is_some()
    }

    fn named(&self, method: &Method) -> Option<&Boxed> {
        self.services.iter().find(|(known, _)| known.as_ref() == Some(method)).map(|(_, service)| service)
    }

    fn others(&self) -> Option<&Boxed> {
        self.services.iter().find(|(known, _)| known.is_none()).map(|(_, service)| service)
    }

    pub(super) fn find(&self, method: &Method) -> Option<Answering<'_>> {
        if let Some(service) = self.named(method) {
            return Some(Answering::Service(service));
        }
        if *method == Method::HEAD
            && let Some(service) = self.named(&Method::GET)
        {
            return Some(Answering::Get(service));
        }
        self.others().map(Answering::Service)
    }

    /// Takes over what `more` answers; a method that is named twice is an error, and `None` stands for all the others.
    pub(super) fn merge(&mut self, more: Self) -> Result<(), Option<Method>> {
        for (method, service) in more.services {
            if self.services.iter().any(|(known, _)| *known == method) {
                return Err(method);
            }
            self.services.push((method, service));
        }
        Ok(())
    }
}

/// Methods as the Allow field lists them (RFC 9110, section 10.2.1).
pub(super) fn allow(methods: &[Method]) -> HeaderValue {
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    // A method is a token, and tokens stand in fields as they are.
    HeaderValue::from_str(&names.join(", ")).unwrap_or_else(|_| HeaderValue::from_static(""))
}
