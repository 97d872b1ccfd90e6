# A registry that servers can pull from: without encryption, without users, and empty again when its container is removed.
ARG RELEASE
FROM debian:${RELEASE}-slim

RUN apt-get update \
 && apt-get install -y --no-install-recommends docker-registry \
 && rm -rf /var/lib/apt/lists/*

USER docker-registry
CMD ["docker-registry", "serve", "/etc/docker/registry.yml"]
COPY registry.yml /etc/docker/
