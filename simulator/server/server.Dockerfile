# A server like those that people rent: systemd, sshd, Python, and one user who may use sudo. No engine, no keys.
ARG RELEASE
FROM debian:${RELEASE}-slim

# The package lists stay: a server has them, and check mode needs them.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      ca-certificates dbus iproute2 openssh-server python3 python3-apt sudo systemd systemd-sysv \
 && rm -f /usr/sbin/policy-rc.d /etc/ssh/ssh_host_* \
 && useradd --create-home --shell /bin/bash admin \
 && echo "admin ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/admin \
 && echo "AuthorizedKeysFile /etc/ssh/authorized_keys" > /etc/ssh/sshd_config.d/server.conf

# An engine of its own can not keep its layers on the layers of this one.
VOLUME /var/lib/docker
STOPSIGNAL SIGRTMIN+3
COPY boot.sh /
CMD ["/boot.sh"]
