#!/bin/sh
# Documents of the package awscli (its examples of commands), divided as docs/results.md says: sh make.sh FOLDER
set -eu
mkdir -p "$1"
cd "$1"
python3 -m pip download --quiet --no-deps awscli==1.45.11 -d wheel
(cd wheel && python3 -m zipfile -e awscli-*.whl .)
compute='ec2 lightsail autoscaling ecs eks'
things='iot greengrass iotsitewise ssm comprehend'
count=0
for file in wheel/awscli/examples/*/*.rst; do
    service=$(basename "$(dirname "$file")")
    name=$(basename "$file" .rst).txt
    count=$((count + 1))
    group=base
    case " $compute " in *" $service "*) group=compute ;; esac
    case " $things " in *" $service "*) group=things ;; esac
    # Four of ten documents of a later stage are its labelled data set, the others are trained on.
    if [ $group = base ] || [ $((count % 10)) -lt 6 ]; then
        folder=train/$group
        name=$service-$name
    else
        folder=$group/$service
    fi
    mkdir -p "$folder"
    cp "$file" "$folder/$name"
done
